// The photos of a board, and the form for another one: nobody is put on a board without a sentence of consent.

import { box, button, make } from "./dom.js";
import { fileInput, sizeProblem } from "./files.js";
import { phrase } from "./phrases.js";

export class Sitters {
  #list = make("div", "board-photos");
  #name = make("input", "", "", { id: "board-photo-name", type: "text", maxlength: "60" });
  #consent = make("textarea", "", "", { id: "board-photo-consent", rows: "2", maxlength: "400" });
  #face = make("input", "", "", { id: "board-photo-face", type: "number", min: "1", max: "50" });
  #problem = make("p", "notice alert", "", { id: "board-photo-problem", role: "alert" });
  #chosen = make("p", "fine", "", { role: "status" });
  #file = null;

  constructor(limit, call) {
    this.limit = limit;
    this.call = call;
    this.own = button("board-own", "act", phrase("Use my photo from the Portrait tab"), () =>
      call("own-photo", { body: "" }),
    );
    this.form = this.#makeForm();
    this.root = box("div", "field", make("p", "label", phrase("Photos")), this.#list, this.own, this.form);
  }

  paint(state) {
    // Translators: the name of the visitor's own photo on the board
    this.own.hidden = !state.own || state.photos.some((one) => one.title === phrase("You"));
    this.#list.replaceChildren(...state.photos.map((one) => this.#makeSitter(one)));
    if (!state.photos.length && !state.own) this.form.open = true;
  }

  #makeForm() {
    const input = fileInput("board-file", "image/*,.heic,.heif,.avif", phrase("Photo for the board"), (file) => {
      this.#file = file;
      this.#chosen.textContent = phrase("Chosen: {file}", { file: file.name });
    });
    const line = (label, control) => box("div", "field", make("label", "label", label, { for: control.id }), control);
    return box(
      "details",
      "more",
      make("summary", "", phrase("Add another photo")),
      box(
        "div",
        "row",
        button("board-choose", "act", phrase("Choose a file"), () => input.click()),
        input,
        this.#chosen,
      ),
      line(phrase("Name beside it"), this.#name),
      line(phrase("Who is in it, and that they agreed to this board"), this.#consent),
      line(phrase("Which face, where there are several (1 is the first)"), this.#face),
      this.#problem,
      button("board-add", "act main", phrase("Add to the board"), () => this.#add()),
    );
  }

  async #add() {
    this.#problem.textContent = this.#file ? sizeProblem(this.#file.size, this.limit) : phrase("Choose a file first.");
    if (this.#problem.textContent) return;
    const query = new URLSearchParams({
      title: this.#name.value,
      consent: this.#consent.value,
      face: this.#face.value,
    });
    const said = await this.call(`photo?${query}`, { body: this.#file });
    this.#problem.textContent = said.sentence ?? "";
    if (said.sentence) return;
    this.#file = null;
    this.#chosen.textContent = "";
    for (const one of [this.#name, this.#consent, this.#face]) one.value = "";
    this.form.open = false;
  }

  #makeSitter(one) {
    const remove = make("button", "link", phrase("Remove"), {
      type: "button",
      "aria-label": phrase("Remove {name}", { name: one.title }),
    });
    remove.addEventListener("click", () => this.call("remove", { json: { id: one.id } }));
    const image = make("img", "", "", { src: one.src, alt: phrase("Photo: {name}", { name: one.title }) });
    return box("figure", "", image, make("figcaption", "", one.title, { title: one.consent }), remove);
  }
}
