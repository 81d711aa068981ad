// The crop, set by hand: the photo is moved, zoomed and turned under a frame of the portrait's shape, by pointer, touch
// or keyboard; sliders say zoom and angle. The server cuts anew after each change, and answers with what fits.

import { box, button, make } from "./dom.js";
import { clamp, fitted, least, turnedBack, widest } from "./frame.js";
import { inFigures, phrase } from "./phrases.js";

const HOW = phrase(
  "Drag the photo, or use the arrow keys. Zoom with two fingers, the wheel or + and −; turn with the comma and full stop.",
);
const PAUSE_MS = 300; // after the last change, before the server is told
const STEP = 0.03; // of the crop's width, for an arrow key
const STEPS = 100; // of the zoom's slider

export class Cropping {
  #image = make("img", "", "", { alt: "", draggable: "false" });
  #view = make("div", "crop-view", "", {
    id: "crop-view",
    tabindex: 0,
    role: "group",
    "aria-label": phrase("Crop of your photo"),
    "aria-describedby": "crop-how",
  });
  #zoom = this.#slider("crop-zoom", phrase("Zoom"), 0, STEPS, 1);
  // Translators: a slider that turns the photo by some degrees
  #angle = this.#slider("crop-angle", phrase("Turn"), -45, 45, 0.5);
  #crop = null; // {x, y, width, angle, ratio, of}
  #timer = 0;
  #touches = new Map();

  /** `cropped` hears of each change, `turned` of quarter turns, `toggled` of begin and end. */
  constructor({ cropped, turned, toggled }) {
    Object.assign(this, { cropped, toggled });
    // Translators: a button: move, zoom and turn the crop
    this.opener = button("crop-adjust", "act quiet", phrase("Adjust"), () => this.start());
    // Translators: a button: the crop is laid around the face again
    this.reset = button("crop-reset", "act quiet", phrase("Reset"), () => this.#reset());
    // Translators: a button that ends adjusting
    const done = button("crop-done", "act main", phrase("Done"), () => this.#leave());
    const left = button("crop-left", "act quiet", phrase("Turn left"), () => turned(270));
    const right = button("crop-right", "act quiet", phrase("Turn right"), () => turned(90));
    this.#view.append(this.#image, make("div", "thirds"));
    const sliders = [this.#zoom, this.#angle].map((range) => range.parentNode);
    const how = make("p", "fine", HOW, { id: "crop-how" });
    this.box = box("div", "cropping", this.#view, how, ...sliders, box("div", "row", done, this.reset, left, right));
    this.box.hidden = true;
    this.#zoom.addEventListener("input", () => this.#set({ width: this.#widthOf(Number(this.#zoom.value)) }));
    this.#angle.addEventListener("input", () => this.#set({ angle: Number(this.#angle.value) }));
    this.#listen();
  }

  #slider(id, text, min, max, step) {
    const range = make("input", "", "", { id, type: "range", min, max, step });
    make("label", "", text).append(range);
    return range;
  }

  get isOn() {
    return !this.box.hidden;
  }

  start() {
    this.box.hidden = false;
    this.toggled(true);
    this.#paint();
    this.#view.focus();
  }

  stop() {
    this.#tell();
    this.box.hidden = true;
    this.toggled(false);
  }

  #leave() {
    this.stop();
    this.opener.focus();
  }

  /** What the server says of the photo, whose picture it is; while a change waits to be told, only the shape counts. */
  show(photo, src) {
    this.opener.hidden = !photo.crop;
    if (!photo.crop) {
      if (this.isOn) this.stop();
      return;
    }
    const sameShape = this.#crop?.ratio === photo.crop.ratio && String(this.#crop.of) === String(photo.crop.of);
    if (this.#image.getAttribute("src") !== src) this.#image.src = src;
    this.reset.disabled = !photo.crop.by_hand;
    if (sameShape && (this.#timer || this.#touches.size)) return;
    this.#crop = photo.crop;
    this.#paint();
  }

  #reset() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.cropped({ reset: true });
  }

  #set(change) {
    this.#crop = fitted({ ...this.#crop, ...change });
    this.reset.disabled = false;
    this.#paint();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tell(), PAUSE_MS);
  }

  /** Tell the server of what it has not heard yet. */
  #tell() {
    if (!this.#timer) return;
    clearTimeout(this.#timer);
    this.#timer = 0;
    const { x, y, width, angle } = this.#crop;
    this.cropped({ x, y, width, angle, reset: false });
  }

  /** The zoom goes by factors: each step of the slider is the same to the eye. */
  #widthOf(step) {
    const most = widest(this.#crop);
    return most * (least(this.#crop) / most) ** (step / STEPS);
  }

  #stepOf(width) {
    const most = widest(this.#crop);
    return (STEPS * Math.log(width / most)) / Math.log(least(this.#crop) / most);
  }

  #paint() {
    if (!this.#crop || !this.isOn) return;
    const { x, y, width, angle, ratio, of } = this.#crop;
    const height = (((width * of[0]) / of[1]) * 1) / ratio;
    this.#view.style.aspectRatio = String(ratio);
    this.#view.style.setProperty("--ratio", String(ratio));
    Object.assign(this.#image.style, {
      width: `${10000 / width}%`,
      left: `${50 - (100 * x) / width}%`,
      top: `${50 - (100 * y) / height}%`,
      transformOrigin: `${x}% ${y}%`,
      transform: `rotate(${angle}deg)`,
    });
    this.#zoom.value = String(this.#stepOf(width));
    this.#zoom.setAttribute(
      "aria-valuetext",
      // Translators: how much the photo is enlarged
      phrase("{number} times", { number: inFigures(widest(this.#crop) / width, 1) }),
    );
    this.#angle.value = String(angle);
    this.#angle.setAttribute("aria-valuetext", phrase("{number} degrees clockwise", { number: angle }));
  }

  /** Move the photo by pixels of the frame on the screen. */
  #move(across, down) {
    const { x, y, width, angle, of } = this.#crop;
    const each = ((width / 100) * of[0]) / this.#view.clientWidth; // pixels of the photo for one of the screen
    const [dx, dy] = turnedBack(across * each, down * each, angle);
    this.#set({ x: x - (100 * dx) / of[0], y: y - (100 * dy) / of[1] });
  }

  #scale(factor) {
    this.#set({ width: clamp(this.#crop.width / factor, least(this.#crop), widest(this.#crop)) });
  }

  #listen() {
    const view = this.#view;
    view.addEventListener("pointerdown", (event) => {
      view.setPointerCapture(event.pointerId);
      view.focus({ preventScroll: true });
      this.#touches.set(event.pointerId, [event.clientX, event.clientY]);
    });
    view.addEventListener("pointermove", (event) => {
      const from = this.#touches.get(event.pointerId);
      if (!from) return;
      const before = this.#spread();
      this.#touches.set(event.pointerId, [event.clientX, event.clientY]);
      const share = 1 / this.#touches.size; // of two fingers, each moves the middle by half
      this.#move((event.clientX - from[0]) * share, (event.clientY - from[1]) * share);
      if (before) this.#scale(this.#spread() / before);
    });
    for (const name of ["pointerup", "pointercancel"]) {
      view.addEventListener(name, (event) => this.#touches.delete(event.pointerId));
    }
    view.addEventListener(
      "wheel",
      (event) => {
        if (document.activeElement !== view) return; // the page scrolls until the frame is meant
        event.preventDefault();
        this.#scale(event.deltaY < 0 ? 1.06 : 1 / 1.06);
      },
      { passive: false },
    );
    view.addEventListener("keydown", (event) => this.#key(event));
  }

  /** How far two fingers are apart; 0 where there are not two. */
  #spread() {
    if (this.#touches.size !== 2) return 0;
    const [[ax, ay], [bx, by]] = this.#touches.values();
    return Math.hypot(ax - bx, ay - by);
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = STEP * this.#view.clientWidth * (event.shiftKey ? 4 : 1);
    const { angle } = this.#crop;
    const acts = {
      ArrowLeft: () => this.#move(-step, 0),
      ArrowRight: () => this.#move(step, 0),
      ArrowUp: () => this.#move(0, -step),
      ArrowDown: () => this.#move(0, step),
      "+": () => this.#scale(1.06),
      "=": () => this.#scale(1.06),
      "-": () => this.#scale(1 / 1.06),
      ",": () => this.#set({ angle: clamp(angle - 1, -45, 45) }),
      ".": () => this.#set({ angle: clamp(angle + 1, -45, 45) }),
      Enter: () => this.#leave(),
    };
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  }
}
