// Photos on their way to the studio's own route: a raw body that goes from there to memory, never a file on the server.

import { isReadable, SILENT, sizeProblem, UNREADABLE } from "./files.js";
import { phrase } from "./phrases.js";
import { address } from "./site.js";

/**
 * Each photo and each Remove has a number; only the last one asked for counts, whichever arrives first. The number is
 * told to the server, too: a proxy may hold a slow photo back and hand it over after a later one.
 */
export class Sender {
  #asked = 0;
  #onItsWay = null;

  /**
   * `say` shows a problem, `work` what is being done, `arrived` is called once the studio has the photo. `route` is
   * where it is sent, `words` what is said meanwhile, `more` are further headers.
   */
  constructor({ props, say, work, arrived, route = "photo", words = phrase("Looking at your photo …"), more = {} }) {
    Object.assign(this, { props, say, work, arrived, route, words, more });
  }

  /** Forget what is on its way. Returns the number of the new request. */
  ask() {
    this.#onItsWay?.abort();
    this.#onItsWay = null;
    this.say("");
    this.work("");
    // A page that was built anew in the same visit goes on counting.
    this.#asked = Math.max(this.#asked, this.props.value?.number ?? 0) + 1;
    return this.#asked;
  }

  async send(picture) {
    const mine = this.ask();
    const tooMuch = sizeProblem(picture.size, this.props.limit);
    if (tooMuch) return this.say(tooMuch);
    this.work(this.words);
    const stopping = new AbortController();
    this.#onItsWay = stopping;
    const problem = await this.#post(picture, mine, stopping.signal).catch(() => SILENT);
    if (mine !== this.#asked) return; // whatever became of it, another one was asked for since
    this.#onItsWay = null;
    this.work("");
    if (problem) this.say(problem);
    else this.arrived();
  }

  /** Returns what went wrong, or "". */
  async #post(picture, number, signal) {
    if (!(await isReadable(picture))) return UNREADABLE;
    const headers = { "X-Studio-Key": this.props.value?.key ?? "", "X-Studio-Asked": String(number), ...this.more };
    const answer = await fetch(address(this.route), { method: "POST", headers, body: picture, signal });
    if (answer.ok) return "";
    return (await answer.json().catch(() => ({}))).sentence ?? phrase("The picture could not be taken in; try again.");
  }
}
