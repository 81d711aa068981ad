// The Board tab: one photo, or several, in many styles side by side. It asks the studio's own routes, and goes on
// showing a board that is being made after the page was reloaded.

import { makeExports } from "./board_exports.js";
import { Setup } from "./board_setup.js";
import { Table } from "./board_table.js";
import { Vote } from "./board_vote.js";
import { box, button, make } from "./dom.js";
import { visitKey } from "./page_key.js";
import { phrase } from "./phrases.js";
import { address } from "./site.js";
import { noteBoard } from "./unsaved.js";

const LOOK_MS = 700;
const WAIT_MS = 350; // after the last tap, before the board is planned
const LOST = phrase("The studio did not answer; check your connection and try again.");
const CLOSED = phrase("Tick the consent on the Portrait tab first. Until then no photo is uploaded.");

document.head.append(make("link", "", "", { rel: "stylesheet", href: new URL("board.css", import.meta.url).href }));

export function board({ element, props }) {
  const one = new Board(element, props);
  element.replaceChildren(one.closed, one.open);
  window.addEventListener("studio:visit", () => one.enter());
  new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && one.seen()).observe(element);
}

/** What the studio says to a call: JSON, in which `sentence` is a refusal. */
async function send(path, { json, body, method = "POST" } = {}) {
  try {
    const answer = await fetch(`${address("board")}${path ? `/${path}` : ""}`, {
      method,
      headers: { "X-Studio-Key": visitKey() },
      body: method === "GET" ? undefined : json ? JSON.stringify(json) : body,
    });
    return await answer.json();
  } catch {
    return { sentence: LOST };
  }
}

class Board {
  #state = null; // what the studio said last
  #key = ""; // of the visit that it belongs to
  #look = 0;
  #plan = 0;

  constructor(element, props) {
    this.element = element;
    this.closed = make("p", "lead", CLOSED);
    this.words = make("p", "notice status", "", { id: "board-words", role: "status" });
    this.problem = make("p", "notice alert", "", { id: "board-problem", role: "alert" });
    this.bar = make("progress", "", "", { max: "1", value: "0", "aria-label": phrase("How far the board is") });
    this.start = button("board-start", "act main", phrase("Make the board"), () => this.ask("start", { json: {} }));
    this.stop = button("board-stop", "act", phrase("Stop"), () => this.ask("stop", { body: "" }));
    this.exports = makeExports(
      () => this.#state.base,
      (words) => this.#say(words ?? LOST),
    );
    this.setup = new Setup(
      props,
      () => this.#planSoon(),
      (path, what) => this.ask(path, what),
    );
    this.table = new Table({
      send,
      again: (key) => this.ask("start", { json: { only: [key], again: true } }),
    });
    this.vote = new Vote(send);
    const run = box("div", "board-run", this.words, this.bar, this.problem, box("div", "row", this.start, this.stop));
    const form = box("div", "card", this.setup.root, run);
    this.exports.append(this.vote.opener);
    this.empty = make(
      "p",
      "board-empty",
      phrase("Your board will stand here: each photo, and beside it its portraits."),
    );
    const side = box("div", "board-side", this.exports, this.empty, this.table.root, this.vote.dialog);
    this.open = box("div", "board-open", form, side);
  }

  #say(sentence) {
    this.problem.textContent = sentence;
  }

  /** Ask for something whose answer is the whole board, or how far it is. */
  async ask(path, what) {
    const said = await send(path, what);
    if (!path.startsWith("photo")) this.#say(said.sentence ?? ""); // the form of photos says it itself
    if (said.photos) {
      const isOther = this.#state?.photos.length !== said.photos.length;
      this.#paint(said);
      if (isOther) this.#planSoon();
    } else if (said.states) this.#follow(said);
    return said;
  }

  #planSoon() {
    clearTimeout(this.#plan);
    this.#plan = setTimeout(() => {
      const { photos, running } = this.#state ?? {};
      if (photos?.length && !running) this.ask("plan", { json: this.setup.asked() });
    }, WAIT_MS);
  }

  #paint(state) {
    this.#state = state;
    this.setup.paint(state);
    this.table.paint(state);
    this.vote.paint(state);
    this.#follow(state);
  }

  #follow(said) {
    const state = Object.assign(this.#state, { running: said.running, states: said.states });
    noteBoard(said.unsaved);
    this.words.textContent = said.words;
    this.bar.hidden = !said.running;
    this.bar.value = said.share;
    this.stop.hidden = !said.running;
    this.start.hidden = said.running;
    this.start.disabled = !state.table;
    this.empty.hidden = Boolean(state.table);
    this.setup.root.inert = said.running;
    if (state.table) this.table.follow(said.states);
    this.exports.hidden = !Object.values(said.states).includes("done");
    clearTimeout(this.#look);
    if (said.running) this.#look = setTimeout(() => this.#lookAgain(), LOOK_MS);
  }

  async #lookAgain() {
    if (!this.element.isConnected) return;
    const said = await send("progress", { method: "GET" });
    if (said.states) this.#follow(said);
    else this.#look = setTimeout(() => this.#lookAgain(), 3 * LOOK_MS);
  }

  /** The visit has begun, ended or come back. */
  async enter() {
    const key = visitKey();
    if (key === this.#key && this.#state) return;
    this.#key = key;
    this.#state = null;
    this.closed.hidden = Boolean(key);
    this.open.hidden = !key;
    noteBoard(0);
    if (!key) return;
    const said = await send("", { method: "GET" });
    if (!said.photos || key !== visitKey()) return;
    this.setup.restore(said.asked);
    this.#paint(said);
    if (!said.table) this.#planSoon();
  }

  /** The tab was opened: the photo of the Portrait tab may have come meanwhile. */
  async seen() {
    await this.enter();
    if (this.#state && !this.#state.running) await this.ask("", { method: "GET" });
  }
}
