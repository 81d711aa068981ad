// One portrait of the board, large, with what it was made with, and what can be done with it.

import { box, button, make } from "./dom.js";
import { phrase } from "./phrases.js";
import { Zoom } from "./zoom.js";

export class Large {
  #zoom = new Zoom("large");
  #side = make("div", "side");
  #now = null; // {cell, all}

  /** `table` knows the state and the addresses, `again` makes a cell once more, `star` puts a star on it or off. */
  constructor({ table, again, star, compare }) {
    Object.assign(this, { table, again, star, compare });
    this.dialog = box("dialog", "board-large", this.#zoom.root, this.#side);
    this.dialog.setAttribute("aria-label", phrase("One portrait of the board"));
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
    this.dialog.addEventListener("keydown", (event) => {
      if (event.key === "ArrowLeft") this.#step(-1);
      if (event.key === "ArrowRight") this.#step(1);
    });
  }

  /** Show a cell; `all` are those that Next goes through. */
  async open(cell, all) {
    const about = await fetch(this.table.source(cell.key, ".json")).then((answer) => answer.json());
    this.#now = { cell, all };
    const isDone = this.table.isDone(cell.key);
    this.#zoom.root.hidden = !isDone;
    if (isDone) {
      const [shown, full] = ["-1024.webp", ".png"].map((end) => this.table.source(cell.key, end));
      this.#zoom.show([{ shown, full, alt: about.alt }]);
    }
    this.#side.replaceChildren(...this.#words(about), this.#actions(cell, isDone), this.#ways());
    if (!this.dialog.open) this.dialog.showModal();
    this.#side.querySelector("h3").focus();
  }

  /** A cell that was shown as missing is there now. */
  follow() {
    if (this.dialog.open && this.#zoom.root.hidden && this.table.isDone(this.#now.cell.key)) this.dialog.close();
  }

  #step(by) {
    const { cell, all } = this.#now;
    const place = all.findIndex((one) => one.key === cell.key) + by;
    this.open(all[(place + all.length) % all.length], all);
  }

  #words(about) {
    const list = make("dl");
    for (const [name, value] of about.rows ?? []) list.append(make("dt", "", name), make("dd", "", value));
    return [
      make("h3", "", about.title, { tabindex: "-1" }),
      make("p", "fine", about.summary ?? about.sentence),
      ...(about.why ? [make("p", "notice alert", about.why)] : []),
      ...(about.kept ?? []).map((one) => make("p", "sentence", one)),
      list,
      ...(about.notes ?? []).map((one) => make("p", "fine", one)),
    ];
  }

  #actions(cell, isDone) {
    const file = (id, text, end) =>
      make("a", "act", text, { id, href: this.table.source(cell.key, end), download: "" });
    const star = button("cell-star", "act", "", async () => {
      await this.star(cell.key);
      paint();
    });
    const paint = () => {
      const isOn = this.table.isStarred(cell.key);
      star.textContent = isOn ? phrase("★ Starred") : phrase("☆ Star");
      star.setAttribute("aria-pressed", String(isOn));
    };
    paint();
    const leave = (act) => () => {
      this.dialog.close();
      act(cell);
    };
    const redo = button("cell-again", "act", isDone ? phrase("Make it again") : phrase("Make it"), leave(this.again));
    redo.disabled = this.table.isRunning();
    const compare = button("cell-compare", "act", phrase("Compare with another"), leave(this.compare));
    const done = isDone ? [file("cell-download", phrase("Download"), ".png?download"), star, compare] : [];
    return box("div", "row", ...done, file("cell-preset", phrase("Copy the style as a file"), ".toml"), redo);
  }

  #ways() {
    return box(
      "div",
      "row",
      button("cell-before", "act quiet", phrase("← Before"), () => this.#step(-1)),
      button("cell-after", "act quiet", phrase("Next →"), () => this.#step(1)),
      button("cell-close", "act quiet", phrase("Close"), () => this.dialog.close()),
    );
  }
}
