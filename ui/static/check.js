// Check a picture: chosen, dropped or pasted, sent as a raw body to the studio's own route, answered with a card.
// Runs as gr.HTML's js_on_load. Every word of the answer may come from a stranger's file: textContent only.
const LIMIT = 40 * 1024 * 1024;
const TRIES = 5;
const address = (path) => new URL((window.gradio_config?.root ?? "").replace(/\/$/, "") + "/studio/" + path, location.href).pathname;
const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text) node.textContent = text;
  return node;
};

const root = make("div", "check");
const drop = make("div", "drop");
const input = make("input", "file");
input.type = "file";
input.id = "check-file";
input.accept = "image/png,image/jpeg,image/webp,image/avif,image/heic,image/heif,image/gif,image/tiff,.heic,.heif";
input.tabIndex = -1;
input.setAttribute("aria-label", "Picture to check");
const choose = make("button", "act", "Choose a picture");
choose.type = "button";
choose.id = "check-choose";
choose.addEventListener("click", () => input.click());
drop.append(make("p", "lead", "Which picture would you like to know about?"), choose, input, make("p", "fine", "Or drop or paste it here. PNG, JPEG, WebP, HEIC, AVIF, GIF or TIFF, up to 40 MB."));
const busy = make("p", "notice status");
busy.setAttribute("role", "status");
const problem = make("p", "notice alert");
problem.id = "check-problem";
problem.setAttribute("role", "alert");
const answer = make("section");
answer.id = "check-answer";
answer.setAttribute("role", "status");
answer.setAttribute("aria-label", "What the picture says of itself");
root.append(drop, busy, problem, answer);
element.replaceChildren(root);

const SIGNS = { good: "✓", warn: "!", plain: "i" };
let shown = null; // address of the picture in this page's memory
let latest = 0;

function clear() {
  answer.replaceChildren();
  problem.textContent = "";
  if (shown) URL.revokeObjectURL(shown);
  shown = null;
}

function show(card, file) {
  const box = make("div", "verdict " + card.tone);
  const head = make("div", "head");
  const sign = make("span", "sign", SIGNS[card.tone]);
  sign.setAttribute("aria-hidden", "true");
  const words = make("div");
  words.append(make("h3", "", card.title), make("p", "", card.sentence), ...card.notes.map((note) => make("p", "", note)));
  head.append(sign, words);
  const image = make("img");
  shown = URL.createObjectURL(file);
  image.src = shown;
  image.alt = "The picture that was checked";
  image.addEventListener("error", () => image.remove()); // a kind that this browser cannot show
  const list = make("dl");
  for (const [name, value] of card.rows) {
    const row = make("div");
    row.append(make("dt", "", name), make("dd", "", value));
    list.append(row);
  }
  box.append(head, image, list);
  answer.replaceChildren(box);
  box.scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
}

const isReadable = (file) => file.slice(0, 1).arrayBuffer().then(() => true, () => false);

async function check(file) {
  const mine = ++latest; // only the last picture's answer is shown
  clear();
  if (!file.size) { problem.textContent = "This file is empty; choose another one."; return; }
  if (file.size > LIMIT) { problem.textContent = "This file is larger than 40 MB; choose a smaller one."; return; }
  busy.textContent = "Looking for marks …";
  try {
    if (!(await isReadable(file))) {
      if (mine === latest) problem.textContent = "This cannot be read: it may be a folder, or a file that has gone. Choose a picture.";
      return;
    }
    for (let attempt = 1; ; attempt++) {
      const reply = await fetch(address("check"), { method: "POST", body: file });
      if (mine !== latest) return;
      const body = await reply.json().catch(() => ({}));
      if (reply.ok) return show(body, file);
      if (reply.status === 503 && attempt < TRIES) { await new Promise((resolve) => setTimeout(resolve, 700 * attempt)); continue; }
      problem.textContent = body.sentence ?? "The picture could not be checked; try again.";
      return;
    }
  } catch {
    if (mine === latest) problem.textContent = "The studio does not answer; check your connection and try again.";
  } finally {
    if (mine === latest) busy.textContent = "";
  }
}

input.addEventListener("change", () => {
  const [file] = input.files;
  if (file) check(file).finally(() => { input.value = ""; }); // the same file may be chosen again
});
for (const name of ["dragover", "dragenter"]) root.addEventListener(name, (event) => { event.preventDefault(); root.classList.add("over"); });
for (const name of ["dragleave", "drop"]) root.addEventListener(name, () => root.classList.remove("over"));
function taken(file) {
  if (file) return check(file);
  latest += 1;
  clear();
  busy.textContent = "";
  problem.textContent = "That was a link or text, not a picture; save the picture and drop its file here.";
  problem.scrollIntoView({ block: "center" }); // it may have been dropped far from here
}
root.addEventListener("drop", (event) => { event.preventDefault(); taken(event.dataTransfer.files[0]); });
function dropped(event) {
  if (!root.isConnected) return window.removeEventListener("studio:dropped", dropped);
  if (root.offsetParent) taken(event.detail); // otherwise another tab is open
}
window.addEventListener("studio:dropped", dropped);
function pasted(event) {
  if (!root.isConnected) return document.removeEventListener("paste", pasted);
  if (!root.offsetParent) return; // another tab is open
  const file = [...(event.clipboardData?.files ?? [])].find((one) => one.type.startsWith("image/") || /\.hei[cf]$/i.test(one.name)); // some browsers know no HEIC
  if (file) check(file);
}
document.addEventListener("paste", pasted);
