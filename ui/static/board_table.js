// The board itself: the original first, labels that stay in sight, each portrait enlarged on a tap.

import { Large } from "./board_large.js";
import { box, make } from "./dom.js";
import { phrase } from "./phrases.js";
import { makeComparing } from "./two.js";

const WORDS = { failed: phrase("Failed: why?") };

export class Table {
  #state = null;
  #shown = 0; // which tab
  #nodes = new Map(); // cells on it, by key
  #tabs = make("div", "chips", "", { role: "group", "aria-label": phrase("Parts of the board") });
  #holder = make("div", "board-scroll", "", { tabindex: "0", role: "region", "aria-label": phrase("The board") });
  #two = makeComparing("board-");

  /** `send` asks the studio, `again` makes the cell with a key once more. */
  constructor({ send, again }) {
    this.send = send;
    this.large = new Large({
      table: this,
      again: (cell) => again(cell.key),
      star: (key) => this.#star(key),
      compare: (cell) => this.#two.toggle(this.#item(cell)),
    });
    const parts = [this.#tabs, this.#two.ask, this.#holder, this.#two.dialog, this.large.dialog];
    this.root = box("div", "board-result", ...parts);
  }

  source = (key, end) => `${this.#state.base}/cell/${key}${end}`;
  isDone = (key) => this.#state.states[key] === "done";
  isStarred = (key) => this.#state.stars.includes(key);
  isRunning = () => this.#state.running;

  paint(state) {
    this.#state = state;
    this.#nodes = new Map();
    this.root.hidden = !state.table;
    if (!state.table) return;
    const { tabs, columns, ratio } = state.table;
    this.#holder.style.setProperty("--ratio", String(ratio));
    this.#shown = Math.min(this.#shown, tabs.length - 1);
    this.#tabs.replaceChildren(...(tabs.length > 1 ? tabs.map((tab, index) => this.#makeTab(tab, index)) : []));
    const tab = tabs[this.#shown];
    const isLine = tab.rows.length === 1 || columns.length === 1; // which is a wall that wraps
    this.#holder.replaceChildren(isLine ? this.#makeWall(tab) : this.#makeGrid(tab));
    this.follow(state.states);
  }

  /** Paint the cells whose state has changed. */
  follow(states) {
    this.#state.states = states;
    for (const [key, one] of this.#nodes) {
      one.node.classList.toggle("starred", this.isStarred(key));
      if (one.state === states[key]) continue;
      one.state = states[key];
      one.node.dataset.state = one.state;
      const image = () => make("img", "", "", { src: this.source(key, "-320.webp"), alt: "", loading: "lazy" });
      one.node.replaceChildren(
        this.isDone(key)
          ? image()
          : make("span", "", WORDS[one.state] ?? phrase("Not made yet"), { "aria-hidden": "true" }),
      );
    }
    this.large.follow();
  }

  async #star(key) {
    const said = await this.send("star", { json: { key } });
    if (said.stars) this.#state.stars = said.stars;
    this.follow(this.#state.states);
  }

  #item(cell) {
    const [shown, file] = ["-1024.webp", ".png"].map((end) => this.source(cell.key, end));
    return { id: cell.key, shown, file, alt: cell.label, caption: cell.label };
  }

  #makeTab(tab, index) {
    const isShown = String(index === this.#shown);
    const chip = make("button", "chip", tab.words, { type: "button", "aria-pressed": isShown });
    chip.addEventListener("click", () => {
      this.#shown = index;
      this.paint(this.#state);
    });
    return chip;
  }

  #makeWall(tab) {
    const originals = [...new Set(tab.rows.map((row) => row.photo))].filter(Boolean);
    const cells = tab.rows.flatMap((row) => row.cells);
    const figures = [
      ...originals.map((id) => this.#makeOriginal(id, true)),
      ...cells.map((one) => this.#makeCell(one, true)),
    ];
    return box("div", "board-flow", ...figures);
  }

  #makeGrid(tab) {
    const { rows, columns, heads } = this.#state.table;
    const hasOriginal = tab.rows.some((row) => row.photo);
    const head = box("tr", "", make("th", "", rows, { scope: "col" }));
    // Translators: the head of a column with the photos
    if (hasOriginal) head.append(make("th", "", phrase("Original"), { scope: "col" }));
    columns.forEach((name, index) => {
      const label = make("th", "", name, { scope: "col" });
      if (heads[index]) label.append(this.#makeOriginal(heads[index], false));
      head.append(label);
    });
    const lines = tab.rows.map((row) => {
      const line = box("tr", "", make("th", "", row.label, { scope: "row" }));
      if (hasOriginal) line.append(box("td", "", ...(row.photo ? [this.#makeOriginal(row.photo, false)] : [])));
      line.append(...row.cells.map((cell) => box("td", "", this.#makeCell(cell, false))));
      return line;
    });
    return box("table", "board-table", box("thead", "", head), box("tbody", "", ...lines));
  }

  #makeOriginal(id, isNamed) {
    const { src, title } = this.#state.photos.find((one) => one.id === id) ?? { src: "", title: "" };
    const words = isNamed ? [make("figcaption", "", phrase("{name}, the photo", { name: title }))] : [];
    const cut = src && `${src}?shape=${this.#state.table.shape}`;
    const image = make("img", "", "", { src: cut, alt: phrase("The photo: {name}", { name: title }) });
    return box("figure", "original", image, ...words);
  }

  #makeCell(cell, isNamed) {
    const node = make("button", "cell", "", { type: "button", "aria-label": cell.label, title: cell.label });
    node.addEventListener("click", () => {
      if (this.isDone(cell.key) && this.#two.take(this.#item(cell))) return;
      this.large.open(
        cell,
        [...this.#nodes.values()].map((one) => one.cell),
      );
    });
    this.#nodes.set(cell.key, { node, cell, state: "" });
    return box("figure", "", node, ...(isNamed ? [make("figcaption", "", cell.label)] : []));
  }
}
