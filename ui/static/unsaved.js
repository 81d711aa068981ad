// Portraits that were made and not downloaded: the browser asks before such a page is left.
const LOST = "Connection to the server was lost"; // Gradio then reloads the page by itself, and the visit comes back
let unsaved = new Set();
let onBoard = 0;
let stays = false;

/** Take note of what the page shows now. */
export function note(portraits) {
  unsaved = new Set(portraits.filter((one) => !one.downloaded).map((one) => one.id));
}

/** So many portraits of the style board were not handed on. */
export function noteBoard(count) {
  onBoard = count;
}

/** They are on their way to the visitor's disk. */
export function saved(ids) {
  for (const id of ids) unsaved.delete(id);
}

export const savedAll = () => unsaved.clear();

/** The page is about to come anew with all that it shows: nothing to ask. */
export function staying() {
  stays = true;
}

window.addEventListener("beforeunload", (event) => {
  const reloading = [...document.querySelectorAll(".toast-wrap")].some((one) => one.textContent.includes(LOST));
  if ((unsaved.size || onBoard) && !reloading && !stays) event.preventDefault();
});
