// Marking a face by hand: a tap says where, sliders say so by keyboard, too.

import { box, button, make } from "./dom.js";
import { phrase } from "./phrases.js";

const HOW = phrase("Tap the middle of your face in the photo, then make the frame as large as your face.");

export class Marking {
  #spot = make("div", "spot");
  // Translators: a slider: where the face is from left to right; on the board: what the columns are
  #across = this.#slider("mark-across", phrase("Across"), 50, 0);
  // Translators: a slider: where the face is from top to bottom; on the board: what the rows are
  #down = this.#slider("mark-down", phrase("Down"), 50, 0);
  // Translators: a slider: how large the face is; also the size of a portrait, for a screen or a print
  #size = this.#slider("mark-size", phrase("Size"), 25, 2);

  /** `print` holds the photo's `image`; `toggled` hears of begin and end, `marked` of the face, in percent. */
  constructor(print, image, { toggled, marked }) {
    this.toggled = toggled;
    this.opener = button("photo-mark", "act quiet", phrase("Mark my face"), () => this.start());
    const done = button("mark-done", "act main", phrase("This is my face"), () => {
      const [x, y, size] = [this.#across, this.#down, this.#size].map((range) => Number(range.value));
      this.#leave();
      marked({ x, y, size });
    });
    const cancel = button("mark-cancel", "act quiet", phrase("Cancel"), () => this.#leave());
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
