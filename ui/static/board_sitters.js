// The photos of a board, and the form for another one: nobody is put on a board without a sentence of consent.

import { box, button, make } from "./dom.js";
import { fileInput, sizeProblem } from "./files.js";
import { phrase } from "./phrases.js";

export class Sitters {
  #list = make("div", "board-photos");
  #name = make("input", "", "", { id: "board-photo-name", type: "text", maxlength: "60" });
  #consent = make("textarea", "", "", { id: "board-photo-consent", rows: "2", maxlength: "400" });
  #which = make("div", "board-faces", "", { id: "board-faces", role: "group", "aria-label": phrase("Who is meant") });
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
    this.own.hidden = !state.own || state.photos.some((one) => one.title === phrase("My photo"));
    this.#list.replaceChildren(...state.photos.map((one) => this.#makeSitter(one)));
    if (!state.photos.length && !state.own) this.form.open = true;
  }

  #makeForm() {
    const input = fileInput("board-file", "image/*,.heic,.heif,.avif", phrase("Photo for the board"), (file) => {
      this.#file = file;
      this.#ask({});
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
      this.#problem,
      this.#which,
      button("board-add", "act main", phrase("Add to the board"), () => this.#add()),
    );
  }

  async #add(who = {}) {
    this.#problem.textContent = this.#file ? sizeProblem(this.#file.size, this.limit) : phrase("Choose a file first.");
    if (this.#problem.textContent) return;
    const query = new URLSearchParams({
      title: this.#name.value,
      consent: this.#consent.value,
      ...who,
    });
    const said = await this.call(`photo?${query}`, { body: this.#file });
    this.#problem.textContent = said.sentence ?? "";
    this.#ask(said, who);
    if (said.sentence) return;
    this.#file = null;
    this.#chosen.textContent = "";
    for (const one of [this.#name, this.#consent]) one.value = "";
    this.form.open = false;
  }

  /** Where it would be a guess who is meant: the heads that were found, and other ways to go on with the same file. */
  #ask({ faces = [], turn = 0, doubtful = false }, who = {}) {
    const heads = faces.map((src, index) => {
      const head = button(`board-face-${index + 1}`, "head", "", () => this.#add({ ...who, face: index + 1 }));
      head.append(
        make("img", "", "", { src, alt: phrase("Face {number} of {all}", { number: index + 1, all: faces.length }) }),
      );
      return head;
    });
    const turned = turn && button("board-upright", "act", phrase("Set it upright"), () => this.#add({ turn }));
    const without =
      doubtful &&
      button("board-faceless", "act quiet", phrase("Use it without a face"), () => this.#add({ ...who, face: 0 }));
    this.#which.replaceChildren(...heads, ...[turned, without].filter(Boolean));
    this.#which.querySelector("button")?.focus();
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
