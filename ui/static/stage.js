// The stage: one framed picture, whole, with the photo behind it; live camera frames; progress.
// Python sets the value; `studio:live` brings camera frames, `studio:show` a portrait picked in the galleries.
// It tells `studio:staged` whether a finished portrait hangs there.

import { box, make } from "./dom.js";
import { phrase } from "./phrases.js";

const INVITATION = phrase("Your portrait will hang here.");
const WELCOME = `
  <svg viewBox="0 0 240 240" aria-hidden="true">
    <ellipse cx="120" cy="98" rx="40" ry="50"/><path d="M36 226c4-52 36-74 84-74s80 22 84 74"/>
  </svg>
  <p>${INVITATION}</p>`;
const COMPARE = phrase("Compare: how much of your photo is uncovered, from the left");

export function stage({ element, props, watch }) {
  const parts = makeParts();
  let live = null;
  let picked = null;

  function paint() {
    const value = props.value ?? {};
    const shown = live ? ofCamera(live, value, props.live_badge) : ofValue(value, picked);
    showPicture(parts, shown);
    showWords(parts, shown);
    window.dispatchEvent(new CustomEvent("studio:staged", { detail: shown.mode === "portraits" }));
  }

  window.addEventListener("studio:live", (event) => {
    if (live) URL.revokeObjectURL(live.after);
    live = event.detail && { after: URL.createObjectURL(event.detail.picture), mirrored: event.detail.mirrored };
    paint();
  });
  window.addEventListener("studio:show", (event) => {
    picked = event.detail;
    paint();
  });
  element.replaceChildren(parts.root);
  paint();
  document.documentElement.classList.add("painted"); // until then studio.css keeps room, so that nothing jumps
  watch("value", () => {
    picked = null;
    paint();
  });
}

/** What is shown of a live camera frame. */
const ofCamera = (live, value, badge) => ({
  ...live,
  mode: "live",
  // Translators: the title of the live picture of the camera
  title: value.live ?? value.title ?? phrase("Live"),
  badge,
});

/** What is shown of the value, or of the portrait that was picked, unless one is being made. */
const ofValue = (value, picked) =>
  picked && value.mode !== "working" ? { ...value, ...picked, mode: "portraits" } : value;

function makeParts() {
  const before = make("img", "before", "", { alt: phrase("Your photo (cropped)") });
  const after = make("img", "after");
  // Translators: the corner of the picture where the photo is
  const left = make("span", "corner left", phrase("Photo"));
  // Translators: the corner of the picture where the portrait is; also the name of a tab
  const right = make("span", "corner right", phrase("Portrait"));
  const welcome = make("div", "welcome");
  welcome.innerHTML = WELCOME;
  const words = make("p", "words", "", { id: "progress-words", role: "status" });
  const bar = make("progress", "", "", { id: "progress" });
  const view = make("div", "view");
  const slider = makeSlider(view, left, right);
  const tools = makeTools();
  view.append(before, after, make("div", "line"), left, right, slider, welcome, box("div", "progress", words, bar));
  const title = make("span", "title");
  const badge = make("span", "badge", "", { id: "engine-badge" });
  const plate = box("figcaption", "plate", title, badge);
  const root = box("figure", "stage", box("div", "mat", view), plate, tools.row);
  tools.work(root, slider);
  return { root, before, after, right, slider, welcome, words, bar, title, badge, tools };
}

/** Two ways to the photo: for as long as a button is held, and by a slider that stays. */
function makeTools() {
  const hold = make("button", "act quiet", phrase("Hold to see your photo"), { type: "button", id: "hold-photo" });
  // Translators: a button that shows a slider between photo and portrait
  const slide = make("button", "act quiet", phrase("Slider"), {
    type: "button",
    id: "use-slider",
    "aria-label": phrase("Slider between your photo and the picture"),
    "aria-pressed": "false",
  });
  const work = (root, slider) => {
    const uncover = (on) => root.classList.toggle("uncovered", on);
    const press = (event) => {
      if (event.type === "keydown" && ![" ", "Enter"].includes(event.key)) return;
      event.preventDefault();
      hold.focus();
      uncover(true);
    };
    for (const name of ["pointerdown", "keydown"]) hold.addEventListener(name, press);
    for (const name of ["pointerup", "pointercancel", "pointerleave", "keyup", "blur"]) {
      hold.addEventListener(name, () => uncover(false));
    }
    hold.addEventListener("contextmenu", (event) => event.preventDefault()); // a long touch
    slide.addEventListener("click", () => {
      const on = root.classList.toggle("sliding");
      slide.setAttribute("aria-pressed", String(on));
      slider.disabled = !on;
    });
  };
  return { row: box("div", "row tools", hold, slide), work };
}

/** The slider that uncovers the photo from the left. */
function makeSlider(view, left, right) {
  const slider = make("input", "compare", "", {
    type: "range",
    id: "compare",
    min: 0,
    max: 100,
    "aria-label": COMPARE,
  });
  slider.value = 50;
  const compare = () => {
    view.style.setProperty("--cut", `${slider.value}%`);
    left.classList.toggle("faint", slider.value < 14);
    right.classList.toggle("faint", slider.value > 86);
    slider.setAttribute("aria-valuetext", phrase("{number} percent photo", { number: slider.value }));
  };
  slider.addEventListener("input", compare);
  compare();
  return slider;
}

function put(image, src) {
  if (!src) image.removeAttribute("src");
  else if (image.getAttribute("src") !== src) image.src = src;
}

function showPicture({ root, before, after, slider, tools }, shown) {
  const mode = shown.mode ?? "welcome";
  if (mode === "working" && root.dataset.mode !== mode && innerWidth <= 900) {
    root.scrollIntoView({ block: "start", behavior: "smooth" });
  }
  root.dataset.mode = mode;
  root.style.setProperty("--ratio", mode === "live" ? "1" : String(shown.ratio ?? 1));
  root.classList.toggle("mirrored", Boolean(shown.mirrored));
  put(after, shown.after);
  put(before, shown.before);
  const both = Boolean(shown.after && shown.before) && mode !== "working";
  root.classList.toggle("both", both);
  tools.row.hidden = !both;
  slider.disabled = !(both && root.classList.contains("sliding"));
  after.hidden = !shown.after;
  before.hidden = !shown.before;
}

function showWords({ after, right, welcome, words, bar, title, badge }, shown) {
  after.alt =
    shown.title && shown.mode !== "live" ? phrase("Portrait: {title}", { title: shown.title }) : phrase("Portrait");
  title.textContent = shown.title ?? "";
  badge.textContent = shown.badge ?? "";
  // Translators: the corner of the picture where the preview is
  right.textContent = ["photo", "example"].includes(shown.mode) ? phrase("Preview") : phrase("Portrait");
  words.textContent = shown.mode === "working" ? shown.words : "";
  welcome.lastElementChild.textContent = shown.words ?? INVITATION;
  if (shown.total) {
    bar.max = shown.total;
    bar.value = shown.step;
  } else {
    bar.removeAttribute("value");
  }
}
