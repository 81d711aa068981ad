// The settings of a style as the studio says them: groups of {path, label, about, kind, value, low, high, step,
// choices, optional, first}. The few that matter stand first, the others under "More".

import { box, make } from "./dom.js";
import { phrase } from "./phrases.js";

const OPTIONAL = phrase("As the style or the model has it");

export class StyleForm {
  #controls = new Map(); // by path: {set, root}
  #shape = ""; // which settings are drawn
  #open = new Set(); // folds that the visitor has opened, by their place

  /** `changed` is called with path and value. */
  constructor(changed) {
    this.changed = changed;
    this.root = make("div", "style-form");
  }

  paint({ style, groups, words }) {
    const shape = JSON.stringify([style, words, groups.map((group) => group.settings.map((one) => one.path))]);
    if (shape !== this.#shape) this.#draw(groups, words);
    this.#shape = shape;
    for (const setting of groups.flatMap((group) => group.settings))
      this.#controls.get(setting.path).set(setting.value);
  }

  #draw(groups, words) {
    this.#controls.clear();
    const of = (part) => groups.filter((group) => group.part === part).map((group, place) => this.#group(group, place));
    const before = of("laid");
    const laid = before.length ? [this.#fold("laid", phrase("Filters before and after the model paints"), before)] : [];
    const model = this.#fold("model", phrase("For AI models"), [
      make(
        "p",
        "fine",
        `${phrase("What a model reads that paints the portrait; the live picture does not.")} ${words}`.trim(),
      ),
      ...of("model"),
      ...laid,
    ]);
    this.root.replaceChildren(...of("filters"), model);
  }

  #group({ title, about, part, settings }, place) {
    const root = box("fieldset", "style-group", make("legend", "", title));
    if (about) root.append(make("p", "fine", about));
    const rows = settings.map((setting) => [setting.first, this.#row(setting)]);
    root.append(...rows.filter(([first]) => first).map(([, row]) => row));
    const more = rows.filter(([first]) => !first).map(([, row]) => row);
    if (more.length) root.append(this.#fold(`${part} ${place}`, phrase("More: {title}", { title }), more));
    return root;
  }

  #fold(name, title, parts) {
    const fold = box("details", "style-more", make("summary", "", title), ...parts);
    fold.open = this.#open.has(name);
    fold.addEventListener("toggle", () => this.#open[fold.open ? "add" : "delete"](name));
    return fold;
  }

  #row(setting) {
    const make_ = { number, integer: number, choice, switch: toggle, colour, colours, palettes, text }[setting.kind];
    const control = make_(setting, (value) => this.changed(setting.path, value));
    if (setting.optional) optional(setting, control, (value) => this.changed(setting.path, value));
    this.#controls.set(setting.path, control);
    return control.root;
  }
}

const idOf = (path) => `set-${path.replaceAll(".", "-")}`;

/** A row with a label, what it labels, and a sentence. */
function row({ path, label, about }, field, ...more) {
  const id = idOf(path);
  field.id = id;
  const said = make("p", "fine", about, { id: `${id}-about` });
  if (about) field.setAttribute("aria-describedby", said.id);
  return box("div", "style-row", make("label", "", label, { for: id }), field, ...more, said);
}

/** What the visitor is at is not drawn over. */
const isHeld = (...nodes) => nodes.includes(document.activeElement);

function number(setting, changed) {
  const { label, low, high, step } = setting;
  const range = make("input", "", "", { type: "range", min: low, max: high, step });
  const exact = make("input", "exact", "", { type: "number", min: low, max: high, step: "any" });
  exact.setAttribute("aria-label", phrase("{label}, as a number", { label }));
  range.addEventListener("input", () => {
    exact.value = range.value;
    changed(range.valueAsNumber);
  });
  exact.addEventListener("change", () => {
    if (Number.isNaN(exact.valueAsNumber)) return;
    range.value = exact.value;
    changed(exact.valueAsNumber);
  });
  const set = (value) => {
    if (isHeld(range, exact) || value === null) return;
    range.value = value;
    exact.value = Number(value.toFixed(3));
  };
  return { root: row(setting, range, exact), set, value: () => range.valueAsNumber, parts: [range, exact] };
}

function choice(setting, changed) {
  const select = make("select");
  for (const one of setting.choices) select.append(make("option", "", one, { value: one }));
  select.addEventListener("change", () => changed(select.value));
  return { root: row(setting, select), set: (value) => (select.value = value), parts: [select] };
}

function toggle(setting, changed) {
  const tick = make("input", "", "", { type: "checkbox" });
  tick.addEventListener("change", () => changed(tick.checked));
  return { root: row(setting, tick), set: (value) => (tick.checked = value), parts: [tick] };
}

function colour(setting, changed) {
  const field = make("input", "", "", { type: "color" });
  field.addEventListener("input", () => changed(field.value));
  const set = (value) => {
    if (value !== null && !isHeld(field)) field.value = value;
  };
  return { root: row(setting, field), set, value: () => field.value, parts: [field] };
}

const colours = (setting, changed) =>
  swatches(
    setting,
    (value) => [value],
    ([only], whole = changed) => whole(only),
  );

const palettes = (setting, changed) => swatches(setting, (value) => value, changed);

/** Lists of colours, each a row of fields. */
function swatches(setting, listsOf, changed) {
  const lists = make("div", "swatches", "", { role: "group", "aria-label": setting.label });
  let fields = [];
  const set = (value) => {
    if (fields.flat().some((field) => isHeld(field))) return;
    fields = listsOf(value).map((list, set_) =>
      list.map((one, place) => {
        const field = make("input", "", "", { type: "color" });
        field.setAttribute(
          "aria-label",
          phrase("{label}, set {set}, colour {place}", { label: setting.label, set: set_ + 1, place: place + 1 }),
        );
        field.value = one;
        field.addEventListener("input", () => changed(fields.map((each) => each.map((other) => other.value))));
        return field;
      }),
    );
    lists.replaceChildren(...fields.map((list) => box("div", "row", ...list)));
  };
  const words = box("div", "style-row", make("p", "label", setting.label), lists, make("p", "fine", setting.about));
  return { root: words, set, parts: [] };
}

function text(setting, changed) {
  const field = make("textarea", "", "", { rows: "3", maxlength: setting.high });
  field.addEventListener("change", () => changed(field.value));
  const set = (value) => {
    if (!isHeld(field)) field.value = value ?? "";
  };
  const control = { root: row(setting, field), set, value: () => field.value, parts: [field] };
  control.root.classList.add("wide");
  return control;
}

/** A tick that leaves the setting to the style or the model. */
function optional({ path, low, high, kind }, control, changed) {
  const tick = make("input", "", "", { type: "checkbox", id: `${idOf(path)}-none` });
  const label = box("label", "none", tick, make("span", "", OPTIONAL));
  const set = control.set;
  const enable = () => {
    for (const part of control.parts) part.disabled = tick.checked;
  };
  tick.addEventListener("change", () => {
    enable();
    const start = kind === "number" ? Number(((low + high) / 2).toFixed(2)) : control.value();
    if (!tick.checked) set(start);
    changed(tick.checked ? null : start);
  });
  control.set = (value) => {
    tick.checked = value === null;
    enable();
    set(value);
  };
  control.root.append(label);
}
