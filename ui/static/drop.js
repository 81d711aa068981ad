// What is dropped on the page, wherever: never opened by the browser in the page's place, and with it the visit.
// The card in sight, photo or check, hears of it as studio:dropped, with the file, or null for a link or text; nobody
// does where no card is open. A drag that began in this page is no gift: a portrait that slips stays where it is.
let own = false;

const holdsFile = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
const isTyping = (event) =>
  !holdsFile(event) && event.target instanceof Element && event.target.closest("input, textarea") !== null;

function note(event) {
  own = event.type === "dragstart";
}

for (const name of ["dragstart", "dragend"]) window.addEventListener(name, note, true);
for (const name of ["dragenter", "dragover"]) {
  window.addEventListener(name, (event) => {
    if (!isTyping(event)) event.preventDefault();
  });
}
window.addEventListener("drop", (event) => {
  if (event.defaultPrevented || isTyping(event)) return; // a card has taken it, or a field takes words
  event.preventDefault();
  if (!own) window.dispatchEvent(new CustomEvent("studio:dropped", { detail: event.dataTransfer?.files[0] ?? null }));
});
