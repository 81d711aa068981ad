// Changing the style that is picked: a button under step 3 and the panel that it opens. What is changed goes to the
// studio's own routes; the live picture then follows by Gradio's event `edited`, as after the slider of likeness.

import { box, button, make } from "./dom.js";
import { fileInput } from "./files.js";
import { setOwnStyles } from "./own_styles.js";
import { visitKey } from "./page_key.js";
import { phrase } from "./phrases.js";
import { shelves } from "./shelves.js";
import { address } from "./site.js";
import { StyleForm } from "./style_form.js";

const LOST = phrase("The studio did not answer; check your connection and try again.");
const FIRST = phrase("Tick step 1 first. Then you can change this style.");
const ABOUT = phrase(
  "The picture follows by instant filters. Changes are yours alone, and only for now, until you keep them.",
);

document.head.append(
  make("link", "", "", { rel: "stylesheet", href: new URL("style_editor.css", import.meta.url).href }),
);

export function styleEditor({ element, props, trigger, watch }) {
  const editor = new Editor(props, trigger);
  element.replaceChildren(editor.opener, editor.panel);
  editor.value();
  watch("value", () => editor.value());
  window.addEventListener("studio:picked", ({ detail }) => detail.kind === "style" && editor.load());
  window.addEventListener("studio:staged", () => editor.mirror());
}

/** What the studio says: JSON, in which `sentence` is a refusal. */
async function call(path, { json, body, method = "POST" } = {}) {
  try {
    const [place, query = ""] = path.split("?");
    const answer = await fetch(`${address(place)}?${query}`, {
      method,
      headers: { "X-Studio-Key": visitKey() },
      body: json ? JSON.stringify(json) : body,
    });
    return await answer.json();
  } catch {
    return { sentence: LOST };
  }
}

class Editor {
  #said = null; // the form as the studio said it last
  #pending = {};
  #busy = false;

  constructor(props, trigger) {
    Object.assign(this, { props, trigger });
    this.opener = button("style-edit", "link", phrase("Edit this style"), () => this.#open(this.panel.hidden));
    this.opener.setAttribute("aria-expanded", "false");
    this.opener.setAttribute("aria-controls", "style-panel");
    this.title = make("h3", "", "", { id: "style-title" });
    this.small = make("img", "", "", { alt: phrase("The live picture, small") });
    this.words = make("p", "notice status", "", { id: "style-said", role: "status" });
    this.problem = make("p", "notice alert", "", { id: "style-problem", role: "alert" });
    this.form = new StyleForm((path, value) => this.#change(path, value));
    this.back = button("style-back", "act quiet", phrase("Back to how it was"), () => this.#back());
    const close = button("style-close", "act quiet", phrase("Close"), () => this.#open(false));
    const head = box("div", "style-head", this.small, this.title);
    const said = box("div", "style-words", this.words, this.problem);
    this.panel = box(
      "section",
      "style-panel",
      head,
      make("p", "fine", ABOUT),
      this.form.root,
      said,
      this.#keeping(),
      this.#files(),
    );
    this.panel.append(box("div", "row", this.back, close));
    this.panel.id = "style-panel";
    this.panel.setAttribute("aria-labelledby", "style-title");
    this.panel.hidden = true;
  }

  #keeping() {
    this.name = make("input", "", "", { id: "style-name", type: "text", maxlength: "40", autocomplete: "off" });
    this.keep = button("style-keep", "act main", phrase("Keep as a style of mine"), () => this.#keep());
    this.room = make("p", "fine");
    this.name.addEventListener("keydown", (event) => event.key === "Enter" && this.#keep());
    const label = make("label", "", phrase("Name of your style"), { for: "style-name" });
    return box("div", "style-keep", label, box("div", "row", this.name, this.keep), this.room);
  }

  #files() {
    this.download = make("a", "act quiet", phrase("Download as a file"), { id: "style-download", download: "" });
    const input = fileInput("style-file", ".toml", phrase("Style file"), (file) => file && this.#take(file));
    const choose = button("style-import", "act quiet", phrase("Take in a style file"), () => input.click());
    this.remove = button("style-remove", "act quiet", phrase("Remove this style of mine"), () =>
      this.#settle(call("style/remove", { json: { style: this.#said?.style } })),
    );
    return box("div", "row", this.download, choose, this.remove, input);
  }

  /** What the page knows: a visit that began, came back, or is over. */
  value() {
    const { key = "", kept = [] } = this.props.value ?? {};
    setOwnStyles(kept);
    if (!key) this.#said = null;
    this.load();
  }

  #open(on) {
    this.panel.hidden = !on;
    this.opener.setAttribute("aria-expanded", String(on));
    if (on) this.load();
    else this.opener.focus();
  }

  /** Show the style that is picked. */
  async load() {
    if (this.panel.hidden) return;
    this.mirror();
    if (!visitKey()) return this.#paint(null);
    const id = shelves.style?.picked();
    const said = await call(`style?style=${encodeURIComponent(id)}`, { method: "GET" });
    if (id !== shelves.style?.picked()) return;
    if (said.sentence || said.style !== this.#said?.style) this.#hear(said);
    else this.#paint(said); // what was said of it last is still true
  }

  /** On a phone the stage is far away: a small copy of it stays in sight. */
  mirror() {
    const src = document.querySelector(".stage .after")?.getAttribute("src");
    this.small.hidden = !src;
    if (src && !this.panel.hidden) this.small.src = src;
  }

  /** Send what was changed; what changes meanwhile goes with the next one. */
  async #change(path, value) {
    this.#pending[path] = value;
    if (this.#busy) return;
    this.#busy = true;
    try {
      while (Object.keys(this.#pending).length) {
        const [changes, style] = [this.#pending, this.#said?.style];
        this.#pending = {};
        const said = await call("style/edit", { json: { style, changes } });
        if (style !== this.#said?.style) continue; // another one was picked
        if (this.#hear(said)) this.trigger("edited");
      }
    } finally {
      this.#busy = false;
    }
  }

  async #back() {
    if (this.#hear(await call("style/back", { json: { style: this.#said?.style } }))) this.trigger("edited");
  }

  #keep() {
    return this.#settle(call("style/keep", { json: { style: this.#said?.style, name: this.name.value } }));
  }

  #take(file) {
    if (file.size > this.props.limit)
      return this.#hear({ sentence: phrase("This file is too large for a style file.") });
    return this.#settle(call("style/import", { body: file }));
  }

  /** What changes which styles there are: the page then picks the one that the answer shows. */
  async #settle(asked) {
    const said = await asked;
    if (!this.#hear(said)) return;
    setOwnStyles(said.kept);
    this.trigger("kept", { id: said.style });
  }

  /** Returns whether it was no refusal. */
  #hear(said) {
    this.problem.textContent = said.sentence ?? "";
    if (said.sentence) {
      this.words.textContent = "";
      return false;
    }
    this.words.textContent = said.said ?? "";
    this.#paint(said);
    return true;
  }

  #paint(said) {
    const isOther = said?.style !== this.#said?.style;
    this.#said = said;
    for (const part of this.panel.children) part.hidden = !said && part.className !== "style-words";
    this.words.textContent ||= said ? "" : FIRST;
    if (!said) return;
    this.title.textContent = said.edited ? phrase("{name}, edited", { name: said.name }) : said.name;
    this.form.paint(said);
    this.back.disabled = !said.edited;
    this.room.textContent = said.room;
    this.keep.disabled = said.full && !said.own;
    this.remove.hidden = !said.own;
    this.download.href = said.file;
    if (isOther) this.name.value = said.own ? said.name : "";
  }
}
