// A blind vote: people who pass the screen choose among the portraits, which have letters and no labels until the end.

import { box, button, make } from "./dom.js";
import { phrase, phrases } from "./phrases.js";

const EACH = 1; // how many one person chooses

const inWords = (votes) => phrases("{count} vote", "{count} votes", votes);

export class Vote {
  #said = null; // what the studio knows of the vote
  #base = "";
  #chosen = new Set();
  #lead = make("p", "lead", "", { id: "vote-words", role: "status" });
  #wall = make("div", "vote-wall", "", { role: "group", "aria-label": phrase("Portraits") });
  #row = make("div", "row");

  /** `send` asks the studio. */
  constructor(send) {
    this.send = send;
    this.opener = button("board-vote", "act", phrase("Blind vote"), () => this.#open());
    this.dialog = box("dialog", "board-vote", this.#lead, this.#wall, this.#row);
    this.dialog.setAttribute("aria-labelledby", this.#lead.id);
  }

  paint({ vote, base }) {
    this.#base = base;
    this.#said = vote;
    this.opener.textContent = vote && !vote.tally.length ? phrase("Go on with the blind vote") : phrase("Blind vote");
  }

  async #open() {
    if (!this.#said || this.#said.tally.length) await this.#ask({ begin: EACH });
    if (this.#said && !this.dialog.open) this.dialog.showModal();
  }

  async #ask(what) {
    const answer = await this.send("vote", { json: what });
    if (answer.sentence) {
      this.#lead.textContent = answer.sentence;
      if (!this.dialog.open) this.dialog.showModal();
      this.#wall.replaceChildren();
      this.#row.replaceChildren(this.#closer());
      return;
    }
    this.#chosen.clear();
    this.paint({ vote: answer.vote, base: this.#base });
    if (answer.vote) this.#show();
  }

  #show() {
    const { names, tally, votes } = this.#said;
    const isOver = tally.length > 0;
    const count = inWords(votes);
    this.#lead.textContent = isOver
      ? phrase("{votes}. This is what was chosen:", { votes: count })
      : phrase("Which portrait would you keep? {votes} so far.", { votes: count });
    const shown = isOver ? tally : names.map((name) => ({ name }));
    this.#wall.replaceChildren(...shown.map((one) => this.#makePicture(one, isOver)));
    // Translators: a button: cast the vote
    const cast = button("vote-cast", "act main", phrase("Vote"), () => this.#ask({ choices: [...this.#chosen] }));
    const reveal = button("vote-reveal", "act", phrase("End the vote and show what is what"), () =>
      this.#ask({ reveal: true }),
    );
    reveal.disabled = !votes;
    this.#row.replaceChildren(...(isOver ? [] : [cast, reveal]), this.#closer());
  }

  #makePicture({ name, label, votes, rank }, isOver) {
    const node = make("button", "vote-picture", "", { type: "button", "aria-pressed": "false" });
    const image = make("img", "", "", {
      src: `${this.#base}/blind/${name}.webp`,
      alt: phrase("Portrait {name}", { name }),
    });
    const words = isOver ? `${rank}. ${label}: ${inWords(votes)}` : name;
    node.append(image, make("span", "", words));
    node.disabled = isOver;
    node.addEventListener("click", () => {
      this.#chosen = new Set([name]);
      for (const one of this.#wall.children) one.setAttribute("aria-pressed", String(one === node));
    });
    return node;
  }

  #closer() {
    return button("vote-close", "act quiet", phrase("Close"), () => this.dialog.close());
  }
}
