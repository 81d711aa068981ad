// One picture, or two side by side, that zoom and move together: what is seen of one is seen of the other, whatever
// their sizes. Wheel, two fingers, drag, double click, keys or buttons; the whole file is fetched only when it is needed.

import { box, button, make } from "./dom.js";
import { phrase } from "./phrases.js";

const MOST = 8;
const CLOSE = 2.5; // what a double click zooms to
const STEP = 1.4; // of a key or button
const WALK = 0.25; // of what is seen, for an arrow
const HOW = phrase("Zoom: wheel, two fingers, double click, + and −. Move: drag, or arrow keys. 0 shows all.");
const ARROWS = [
  ["left", "←", -1, 0, phrase("Move left")],
  ["up", "↑", 0, -1, phrase("Move up")],
  ["down", "↓", 0, 1, phrase("Move down")],
  ["right", "→", 1, 0, phrase("Move right")],
];

document.head.append(make("link", "", "", { rel: "stylesheet", href: new URL("zoom.css", import.meta.url).href }));

export class Zoom {
  #views = [];
  #at = { scale: 1, x: 0.5, y: 0.5 }; // x, y: which point of the pictures is in the middle, 0 to 1
  #touches = new Map();
  #pictures = make("div", "zoom-pictures", "", { tabindex: "0", role: "group" });
  #said = make("p", "fine", "", { role: "status" });
  #arrows = make("div", "zoom-arrows", "", { role: "group", "aria-label": phrase("Move") });

  /** `id` begins the ids of the buttons. */
  constructor(id) {
    const act = (name, text, label, onClick) => {
      const node = button(`${id}-${name}`, "act quiet", text, onClick);
      node.setAttribute("aria-label", label);
      return node;
    };
    const how = make("p", "zoom-how fine", HOW, { id: `${id}-how` });
    this.#pictures.setAttribute("aria-describedby", how.id);
    this.out = act("out", "−", phrase("Zoom out"), () => this.#by(1 / STEP));
    this.in = act("in", "+", phrase("Zoom in"), () => this.#by(STEP));
    this.all = act("all", phrase("Show all"), phrase("Show all of it"), () => this.reset());
    for (const [name, sign, x, y, label] of ARROWS) {
      this.#arrows.append(act(name, sign, label, () => this.#walk(x, y)));
    }
    const bar = box("div", "zoom-bar", this.out, this.in, this.all, this.#arrows, this.#said);
    this.root = box("div", "zoom", this.#pictures, bar, how);
    this.#pictures.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Show one picture or two: {shown, full, alt, caption}; `full` is the address of the file itself. */
  show(items) {
    this.#views = items.map((item) => this.#makeView(item));
    this.#pictures.classList.toggle("two", items.length > 1);
    this.#pictures.setAttribute(
      "aria-label",
      items.length > 1 ? phrase("Two portraits, which zoom together") : phrase("The portrait"),
    );
    this.#pictures.replaceChildren(...this.#views.map((view) => view.figure));
    this.reset();
  }

  reset() {
    this.#set({ scale: 1, x: 0.5, y: 0.5 });
  }

  #makeView(item) {
    const image = make("img", "", "", { src: item.shown, alt: item.alt, draggable: "false" });
    const frame = box("div", "zoom-view", image);
    const caption = item.caption ? [make("figcaption", "", item.caption)] : [];
    const view = { figure: box("figure", "", frame, ...caption), frame, image, full: item.full };
    image.addEventListener("load", () => {
      frame.style.setProperty("--ratio", String(image.naturalWidth / image.naturalHeight));
      this.#sharpen(view);
    });
    frame.addEventListener("wheel", (event) => this.#wheel(event, frame), { passive: false });
    frame.addEventListener("dblclick", (event) => {
      this.#set(this.#around(frame, event, this.#at.scale > 1 ? 1 : CLOSE));
    });
    // Two fingers are ours, one scrolls the page as long as all is seen.
    frame.addEventListener("touchstart", (event) => event.touches.length > 1 && event.preventDefault(), {
      passive: false,
    });
    frame.addEventListener("pointerdown", (event) => this.#press(event, frame));
    frame.addEventListener("pointermove", (event) => this.#drag(event, frame));
    for (const name of ["pointerup", "pointercancel"]) {
      frame.addEventListener(name, (event) => this.#touches.delete(event.pointerId));
    }
    return view;
  }

  #set({ scale, x, y }, isMoving = false) {
    const close = Math.min(MOST, Math.max(1, scale));
    const half = 0.5 / close;
    const inside = (value) => Math.min(1 - half, Math.max(half, value));
    this.#at = { scale: close, x: inside(x), y: inside(y) };
    this.root.classList.toggle("moving", isMoving);
    this.root.classList.toggle("close", close > 1);
    this.out.disabled = this.all.disabled = close === 1;
    this.in.disabled = close === MOST;
    this.#arrows.hidden = close === 1;
    this.#said.textContent = `${Math.round(100 * close)} %`;
    for (const view of this.#views) {
      this.#place(view.image);
      this.#sharpen(view);
    }
  }

  /** In percent of the view, so that it holds for views of any size. */
  #place(image) {
    const { scale, x, y } = this.#at;
    image.style.transform = `translate(${50 - 100 * scale * x}%, ${50 - 100 * scale * y}%) scale(${scale})`;
  }

  /** The file itself in the small copy's place, once that has too few pixels for what is seen. */
  async #sharpen(view) {
    const seen = view.frame.clientWidth * this.#at.scale * window.devicePixelRatio;
    const { image, full } = view;
    if (!full || !image.naturalWidth || this.#at.scale === 1 || seen <= image.naturalWidth) return;
    view.full = "";
    const whole = make("img", "", "", { alt: image.alt, draggable: "false", src: full });
    try {
      await whole.decode();
    } catch {
      view.full = full; // the small copy stays; the next move tries again
      return;
    }
    this.#place(whole);
    image.replaceWith(whole);
    view.image = whole;
  }

  /** Another zoom at which the point under the pointer stays where it is. */
  #around(frame, { clientX, clientY }, scale) {
    const { left, top, width, height } = frame.getBoundingClientRect();
    const [across, down] = [(clientX - left) / width - 0.5, (clientY - top) / height - 0.5];
    const now = this.#at;
    const next = Math.min(MOST, Math.max(1, scale));
    return {
      scale: next,
      x: now.x + across / now.scale - across / next,
      y: now.y + down / now.scale - down / next,
    };
  }

  #by(factor) {
    this.#set({ ...this.#at, scale: this.#at.scale * factor });
  }

  #walk(x, y) {
    const { scale } = this.#at;
    this.#set({ scale, x: this.#at.x + (x * WALK) / scale, y: this.#at.y + (y * WALK) / scale });
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS.find(([name]) => event.key.toLowerCase() === `arrow${name}`);
    if (arrow && this.#at.scale > 1) this.#walk(arrow[2], arrow[3]);
    else if (event.key === "+" || event.key === "=") this.#by(STEP);
    else if (event.key === "-" || event.key === "_") this.#by(1 / STEP);
    else if (event.key === "0") this.reset();
    else return;
    event.preventDefault();
    event.stopPropagation(); // around it arrows go to the next portrait
  }

  #wheel(event, frame) {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : 24;
    const factor = Math.exp(-Math.max(-200, Math.min(200, event.deltaY * lines)) / 400);
    this.#set(this.#around(frame, event, this.#at.scale * factor), true);
  }

  #press(event, frame) {
    if (event.button > 0) return;
    this.#touches.set(event.pointerId, event);
    if (this.#at.scale > 1) frame.setPointerCapture(event.pointerId);
  }

  #drag(event, frame) {
    const before = this.#touches.get(event.pointerId);
    if (!before) return;
    const { width, height } = frame.getBoundingClientRect();
    const other = [...this.#touches].find(([id]) => id !== event.pointerId)?.[1];
    this.#touches.set(event.pointerId, event);
    if (other) {
      const wide = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) || 1;
      const middle = { clientX: (event.clientX + other.clientX) / 2, clientY: (event.clientY + other.clientY) / 2 };
      this.#set(this.#around(frame, middle, (this.#at.scale * wide(event)) / wide(before)), true);
    }
    const share = other ? 0.5 : 1; // of two fingers each moves the middle by half
    const { scale, x, y } = this.#at;
    const across = (share * (event.clientX - before.clientX)) / (width * scale);
    const down = (share * (event.clientY - before.clientY)) / (height * scale);
    this.#set({ scale, x: x - across, y: y - down }, true);
  }
}
