// The shutter: three seconds to get ready, then the shot to look at, and Again or Use it.
// It stands under the picture of the camera, and once more where Create is: as large as that, and always in sight.

import { box, button, make, pause } from "./dom.js";
import { phrase } from "./phrases.js";

const SECONDS = 3;
// Translators: three buttons of the camera: start the countdown, take it at once, keep the shot
const NAMES = { live: phrase("Take the photo"), counting: phrase("Take it now"), shot: phrase("Use it") };

export class Shutter {
  #state = "off";
  #count = 0;
  #press = button("camera-take", "act main", NAMES.live, () => this.#pressed());
  // Translators: a button: take another shot
  #again = button("camera-retake", "act", phrase("Again"), () => this.#retake());

  /** What goes into the picture: the seconds left. */
  number = make("span", "countdown", "", { "aria-live": "assertive" });
  /** What goes under it. */
  buttons = [this.#press, this.#again];

  /** `freeze` takes the shot and answers whether there is one, `thaw` drops it, `use` hands it on. */
  constructor({ freeze, thaw, use }) {
    Object.assign(this, { freeze, thaw, use });
  }

  /** The camera is on or off now. */
  set isOn(isOn) {
    if (!isOn) this.#become("off");
    else if (this.#state === "off") this.#become("live");
  }

  focus() {
    this.#press.focus({ preventScroll: true });
  }

  #become(state) {
    this.#count += 1; // a countdown that is under way is over
    this.#state = state;
    this.number.textContent = "";
    this.#press.textContent = NAMES[state] ?? NAMES.live;
    this.#again.hidden = state !== "shot";
    const detail =
      state === "off" ? null : { name: NAMES[state], press: () => this.#pressed(), again: () => this.#retake(), state };
    window.dispatchEvent(new CustomEvent("studio:shutter", { detail }));
  }

  #pressed() {
    if (this.#state === "shot") this.use();
    else if (this.#state === "counting") this.#shoot();
    else this.#countDown();
  }

  async #countDown() {
    this.#become("counting");
    const mine = this.#count;
    for (let left = SECONDS; left > 0; left -= 1) {
      this.number.textContent = String(left);
      await pause(1000);
      if (mine !== this.#count) return;
    }
    this.#shoot();
  }

  async #shoot() {
    this.#become("live");
    if (await this.freeze()) this.#become("shot");
  }

  #retake() {
    this.#become("live");
    this.thaw();
    this.focus();
  }
}

/** The same buttons, for the bar. */
export function makeShutterBar() {
  const press = make("button", "act main", "", { type: "button", id: "bar-shutter" });
  const again = make("button", "act", phrase("Again"), { type: "button", id: "bar-again" });
  const row = box("div", "row shutter", press, again);
  row.hidden = true;
  window.addEventListener("studio:shutter", ({ detail }) => {
    row.hidden = !detail;
    if (!detail) return;
    press.textContent = detail.name;
    press.onclick = detail.press;
    again.onclick = detail.again;
    again.hidden = detail.state !== "shot";
  });
  return row;
}
