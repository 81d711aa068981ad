// Marking a face by hand: a tap says where, sliders say so by keyboard, too.
import { box, button, make } from "./dom.js";

const HOW = "Tap the middle of your face in the photo, then make the frame as large as your face.";

export class Marking {
  #spot = make("div", "spot");
  #across = this.#slider("mark-across", "Across", 50, 0);
  #down = this.#slider("mark-down", "Down", 50, 0);
  #size = this.#slider("mark-size", "Size", 25, 2);

  /** `print` holds the photo's `image`; `toggled` hears of begin and end, `marked` of the face, in percent. */
  constructor(print, image, { toggled, marked }) {
    this.toggled = toggled;
    this.opener = button("photo-mark", "act quiet", "Mark my face", () => this.start());
    const done = button("mark-done", "act main", "This is my face", () => {
      const [x, y, size] = [this.#across, this.#down, this.#size].map((range) => Number(range.value));
      this.#leave();
      marked({ x, y, size });
    });
    const cancel = button("mark-cancel", "act quiet", "Cancel", () => this.#leave());
    const labels = [this.#across, this.#down, this.#size].map((range) => range.parentNode);
    this.box = box("div", "marking", make("p", "fine", HOW), ...labels, box("div", "row", done, cancel));
    this.box.hidden = true;
    print.append(this.#spot);
    print.addEventListener("click", (event) => {
      if (this.box.hidden) return;
      const { left, top, width, height } = image.getBoundingClientRect();
      this.#across.value = (100 * (event.clientX - left)) / width;
      this.#down.value = (100 * (event.clientY - top)) / height;
      this.#paint();
    });
  }

  #slider(id, text, value, min) {
    const range = make("input");
    Object.assign(range, { id, type: "range", min, max: 100, step: 0.5, value });
    range.addEventListener("input", () => this.#paint());
    make("label", "", text).append(range);
    return range;
  }

  #paint() {
    const [left, top, width] = [this.#across, this.#down, this.#size].map((range) => `${range.value}%`);
    Object.assign(this.#spot.style, { left, top, width });
  }

  start() {
    this.box.hidden = false;
    this.toggled(true);
    this.#paint();
    this.#across.focus();
  }

  stop() {
    this.box.hidden = true;
    this.toggled(false);
  }

  #leave() {
    this.stop();
    this.opener.focus();
  }
}
