// What a board is to show: photos, and the values of each axis.

import { Sitters } from "./board_sitters.js";
import { box, make } from "./dom.js";
import { onOwnStyles } from "./own_styles.js";
import { phrase } from "./phrases.js";

const AXES = ["photo", "style", "scene", "engine", "likeness", "seed"];
const AXIS_NAMES = {
  photo: phrase("Photo"),
  style: phrase("Style"),
  scene: phrase("Scene"),
  engine: phrase("Engine"),
  likeness: phrase("Likeness"),
  seed: phrase("Seed"),
};
const LIKENESS = [0.2, 0.35, 0.5, 0.65, 0.8];
const SEEDS = [0, 1, 2, 3, 4, 5];
// Translators: the engine that is chosen by itself
const AUTOMATIC = { id: "auto", name: phrase("Automatic") };
const AT_FIRST = 8; // styles
const SHAPES = [
  ["1:1", phrase("Square")],
  ["4:5", "4:5"],
  ["9:16", "9:16"],
];
const SIZES = [
  ["screen", phrase("Screen")],
  ["print", phrase("Print")],
];

export class Setup {
  #title = make("input", "", "", { id: "board-name", type: "text", maxlength: "120" });
  #lists = {};

  /** `changed` is called after each tap, `call` asks for something whose answer is the whole board. */
  constructor(props, changed, call) {
    this.props = props;
    this.changed = changed;
    this.sitters = new Sitters(props.limit, call);
    this.#title.value = phrase("Style board");
    this.#title.addEventListener("change", changed);
    const first = props.styles.slice(0, AT_FIRST).map((one) => one.id);
    const plain = (id, name = `${id}`) => ({ id, name });
    const add = (name, label, items, chosen, className) => {
      this.#lists[name] = new Toggles(label, items, chosen, changed, className);
      return this.#lists[name].root;
    };
    const styles = add("styles", phrase("Styles"), props.styles, first, "board-styles");
    onOwnStyles((own) => this.#lists.styles.offer([...props.styles, ...own.filter((one) => one.own)]));
    const seeds = SEEDS.map((seed) => plain(seed, phrase("Seed {value}", { value: seed })));
    const axes = AXES.map((axis) => [axis, AXIS_NAMES[axis]]);
    this.rows = makeSelect("board-rows", axes, "photo", changed);
    this.columns = makeSelect("board-columns", axes, "style", changed);
    this.shape = makeSelect("board-shape", SHAPES, "1:1", changed);
    this.size = makeSelect("board-size", SIZES, "screen", changed);
    const large = phrase(
      "Instant filters paint a print up to 2048 pixels long, as far as the photo has them; models their own size.",
    );
    const more = box(
      "details",
      "more",
      make("summary", "", phrase("Scenes, seeds, likeness, engines")),
      field(phrase("Scenes"), add("scenes", phrase("Scenes"), props.scenes, ["none"])),
      field(phrase("Seeds: with the same seed only the style differs"), add("seeds", phrase("Seeds"), seeds, [0])),
      field(
        phrase("Likeness, from more artistic to more like me"),
        add(
          "likeness",
          phrase("Likeness"),
          LIKENESS.map((one) => plain(one)),
          [0.5],
        ),
      ),
      field(phrase("Made by"), add("engines", phrase("Made by"), [AUTOMATIC], ["auto"])),
      // Translators: which values the rows of the board have, from top to bottom
      box("div", "axes", field(phrase("Down"), this.rows), field(phrase("Across"), this.columns)),
    );
    this.root = box(
      "div",
      "board-setup",
      this.sitters.root,
      field(phrase("Name of the board"), this.#title),
      field(phrase("Styles"), box("div", "chips", ...this.#groups())),
      styles,
      box(
        "div",
        "axes",
        field(phrase("Shape"), this.shape),
        field(phrase("Size"), this.size),
        make("p", "fine", large),
      ),
      more,
    );
  }

  /** A tap on a group takes all of its styles, or none. */
  #groups() {
    return [["", phrase("All styles")], ...this.props.groups].map(([id, name]) => {
      const chip = make("button", "chip", name.split(" & ")[0], { type: "button" });
      chip.addEventListener("click", () => {
        this.#lists.styles.flip(this.props.styles.filter((one) => !id || one.group === id).map((one) => one.id));
        this.changed();
      });
      return chip;
    });
  }

  asked() {
    const values = Object.entries(this.#lists).map(([name, list]) => [name, list.values()]);
    return {
      ...Object.fromEntries(values),
      title: this.#title.value.trim() || phrase("Style board"),
      rows: this.rows.value,
      columns: this.columns.value,
      shape: this.shape.value,
      size: this.size.value,
    };
  }

  /** What the studio remembers, after a reload. */
  restore(said) {
    if (!said?.styles) return;
    for (const [name, list] of Object.entries(this.#lists)) list.choose(said[name]);
    this.#title.value = said.title;
    for (const name of ["rows", "columns", "shape", "size"]) if (said[name]) this[name].value = said[name];
  }

  paint(state) {
    this.sitters.paint(state);
    this.#lists.engines.offer([AUTOMATIC, ...state.engines]);
  }
}

/** Things of which some are chosen. */
class Toggles {
  constructor(label, items, chosen, changed, className = "chips") {
    this.root = make("div", className, "", { role: "group", "aria-label": label });
    this.chosen = new Set(chosen);
    this.changed = changed;
    this.offer(items);
  }

  offer(items) {
    this.items = items;
    this.root.replaceChildren(...items.map((item) => this.#make(item)));
    this.#paint();
  }

  choose(ids) {
    this.chosen = new Set(ids);
    this.#paint();
  }

  flip(ids) {
    const hasAll = ids.every((id) => this.chosen.has(id));
    for (const id of ids) hasAll ? this.chosen.delete(id) : this.chosen.add(id);
    this.#paint();
  }

  values() {
    return this.items.map((one) => one.id).filter((id) => this.chosen.has(id));
  }

  #make(item) {
    const node = make("button", item.thumb ? "tile" : "chip", "", { type: "button", title: item.summary ?? "" });
    if (item.thumb) {
      const image = make("img", "", "", { alt: "", loading: "lazy", decoding: "async", src: item.thumb });
      node.append(box("span", "picture", image));
    }
    node.append(make("span", "name", item.name));
    node.addEventListener("click", () => {
      this.flip([item.id]);
      this.changed();
    });
    return node;
  }

  #paint() {
    [...this.root.children].forEach((node, index) => {
      node.setAttribute("aria-pressed", String(this.chosen.has(this.items[index].id)));
    });
  }
}

export function field(label, control) {
  const name = make(control.id ? "label" : "p", "label", label, control.id ? { for: control.id } : {});
  return box("div", "field", name, control);
}

function makeSelect(id, options, value, changed) {
  const select = make("select", "", "", { id });
  for (const [name, text] of options) select.append(make("option", "", text, { value: name }));
  select.value = value;
  select.addEventListener("change", changed);
  return select;
}
