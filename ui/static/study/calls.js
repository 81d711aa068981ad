// What the page and the server say to each other. An answer is sent until it is confirmed: a lost connection loses none.
import { pause } from "../dom.js";

export const start = JSON.parse(document.getElementById("start").textContent);

/** The key of this tab: whoever entered last is the one that may answer. */
const tab = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join(
  "",
);
const LONGEST_PAUSE = 15_000;
const AGAIN = new Set([408, 429, 500, 502, 503, 504]);

/** The words of the page; {name} is filled in. */
export function words(name, values = {}) {
  return (start.words[name] ?? name).replace(/\{(\w+)\}/g, (hole, key) => String(values[key] ?? hole));
}

export class Refused extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

/** Ask once. Throws Refused with the server's sentence, or TypeError where there is no connection. */
export async function ask(name, body, { method = "POST", raw = false } = {}) {
  const answer = await fetch(`${start.base}/${name}`, {
    method,
    headers: {
      "x-study-tab": tab,
      "x-page-language": start.language,
      ...(raw || body === undefined ? {} : { "content-type": "application/json" }),
    },
    body: raw || body === undefined ? body : JSON.stringify(body),
    cache: "no-store",
  });
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, said.sentence ?? words("lost"));
  return said;
}

/** Ask until there is an answer: only what the server refuses for good is thrown. */
export async function askUntilAnswered(name, body, waiting) {
  for (let round = 0; ; round += 1) {
    try {
      const said = await ask(name, body);
      waiting("");
      return said;
    } catch (problem) {
      const isLost = problem instanceof TypeError;
      if (!isLost && !AGAIN.has(problem.status)) {
        waiting("");
        throw problem;
      }
      waiting(isLost ? words("lost") : problem.message);
      await pause(Math.min(LONGEST_PAUSE, 500 * 2 ** round));
    }
  }
}

/** Tell the server of something that happened just now, until it has heard. Answers whether this tab may go on. */
export async function tell(name, trial) {
  try {
    await askUntilAnswered("event", { name, trial, page_ms: performance.now() }, () => undefined);
  } catch (problem) {
    if (problem.status === 409) return false;
  }
  return true;
}

/** The address of a picture with a random name, which tells nothing of it; `whole` is with all of its pixels. */
export const pictureAddress = (name, { whole = false } = {}) =>
  `${start.base}/picture/${name}.webp${whole ? "?whole" : ""}`;
