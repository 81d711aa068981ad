// The stage: one framed picture, before and after; live camera frames; progress. Runs as gr.HTML's js_on_load.
// Python sets the value; `studio:live` brings camera frames, `studio:show` a portrait picked in the galleries.
const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text) node.textContent = text;
  return node;
};
const root = make("figure", "stage");
const mat = make("div", "mat");
const view = make("div", "view");
const before = make("img", "before");
const after = make("img", "after");
before.alt = "The photo, as used";
const line = make("div", "line");
const slider = make("input", "compare");
slider.type = "range";
slider.id = "compare";
slider.min = 0;
slider.max = 100;
slider.value = 50;
slider.setAttribute("aria-label", "Compare: how much of your photo is uncovered, from the left");
const left = make("span", "corner left", "Photo");
const right = make("span", "corner right", "Portrait");
const welcome = make("div", "welcome");
welcome.innerHTML = `
  <svg viewBox="0 0 240 240" aria-hidden="true"><ellipse cx="120" cy="98" rx="40" ry="50"/><path d="M36 226c4-52 36-74 84-74s80 22 84 74"/></svg>
  <p>Your portrait will hang here.</p>`;
const progress = make("div", "progress");
const bar = make("progress");
bar.id = "progress";
const words = make("p", "words");
words.id = "progress-words";
words.setAttribute("role", "status");
progress.append(words, bar);
view.append(before, after, line, left, right, slider, welcome, progress);
mat.append(view);
const plate = make("figcaption", "plate");
const title = make("span", "title");
const badge = make("span", "badge");
badge.id = "engine-badge";
plate.append(title, badge);
root.append(mat, plate);
element.replaceChildren(root);

let live = null;
let picked = null;

function compare() {
  view.style.setProperty("--cut", `${slider.value}%`);
  left.classList.toggle("faint", slider.value < 14);
  right.classList.toggle("faint", slider.value > 86);
  slider.setAttribute("aria-valuetext", `${slider.value} percent photo`);
}
slider.addEventListener("input", compare);
const put = (image, src) => {
  if (!src) image.removeAttribute("src");
  else if (image.getAttribute("src") !== src) image.src = src;
};

function paint() {
  const value = props.value ?? {};
  const shown = live ? { mode: "live", after: live.url } : picked && value.mode !== "working" ? { ...value, ...picked, mode: "portraits" } : value;
  const mode = shown.mode ?? "welcome";
  if (mode === "working" && root.dataset.mode !== mode && innerWidth <= 900) root.scrollIntoView({ block: "start", behavior: "smooth" });
  root.dataset.mode = mode;
  root.classList.toggle("mirrored", Boolean(live?.mirrored));
  put(after, shown.after);
  put(before, shown.before);
  const comparing = Boolean(shown.after && shown.before) && !["live", "working"].includes(shown.mode);
  root.classList.toggle("comparing", comparing);
  slider.disabled = !comparing;
  after.hidden = !shown.after;
  before.hidden = !shown.before || live !== null;
  after.alt = shown.title ? `Portrait: ${shown.title}` : "Portrait";
  title.textContent = live ? value.live ?? value.title ?? "Live" : shown.title ?? "";
  badge.textContent = live ? "Preview (instant filter), not diffusion" : shown.badge ?? "";
  right.textContent = ["photo", "example"].includes(shown.mode) ? "Preview" : "Portrait";
  words.textContent = shown.mode === "working" ? shown.words : "";
  welcome.lastElementChild.textContent = shown.words ?? "Your portrait will hang here.";
  if (shown.total) { bar.max = shown.total; bar.value = shown.step; } else { bar.removeAttribute("value"); }
}

window.addEventListener("studio:live", (event) => {
  if (live) URL.revokeObjectURL(live.url);
  live = event.detail && { url: URL.createObjectURL(event.detail.picture), mirrored: event.detail.mirrored };
  paint();
});
window.addEventListener("studio:show", (event) => { picked = event.detail; paint(); });
compare();
paint();
watch("value", () => { picked = null; paint(); });
