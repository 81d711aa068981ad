// Check a picture: chosen, dropped or pasted, sent as a raw body to the studio's own route, answered with a card.

import { box, button, make, pause } from "./dom.js";
import {
  fileInput,
  isPictureOrHeic,
  isReadable,
  megabytes,
  NOT_A_FILE,
  receive,
  SILENT,
  sizeProblem,
  UNREADABLE,
} from "./files.js";
import { phrase } from "./phrases.js";
import { address } from "./site.js";

const TRIES = 5;
const KINDS = "image/png,image/jpeg,image/webp,image/avif,image/heic,image/heif,image/gif,image/tiff,.heic,.heif";
const SIGNS = { good: "✓", warn: "!", plain: "i" };

export function check({ element, props }) {
  const busy = make("p", "notice status", "", { role: "status" });
  const problem = make("p", "notice alert", "", { id: "check-problem", role: "alert" });
  const answer = make("section", "", "", {
    id: "check-answer",
    role: "status",
    "aria-label": phrase("What the picture says of itself"),
  });
  let shown = null; // address of the picture in this page's memory
  let latest = 0;

  function clear() {
    answer.replaceChildren();
    problem.textContent = "";
    busy.textContent = "";
    if (shown) URL.revokeObjectURL(shown);
    shown = null;
  }

  function show(card, file) {
    shown = URL.createObjectURL(file);
    const verdict = makeVerdict(card, shown);
    answer.replaceChildren(verdict);
    const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    verdict.scrollIntoView({ block: "nearest", behavior: isCalm ? "auto" : "smooth" });
  }

  async function look(file) {
    latest += 1;
    const mine = latest; // only the last picture's answer is shown
    clear();
    problem.textContent = sizeProblem(file.size, props.limit);
    if (problem.textContent) return;
    busy.textContent = phrase("Looking for marks …");
    const isLatest = () => mine === latest;
    const said = await ask(file, isLatest).catch(() => ({ problem: SILENT }));
    if (!isLatest()) return;
    if (said.card) show(said.card, file);
    else problem.textContent = said.problem;
    busy.textContent = "";
  }

  function refuse() {
    latest += 1;
    clear();
    problem.textContent = NOT_A_FILE;
    problem.scrollIntoView({ block: "center" }); // it may have been dropped far from here
  }

  const root = box("div", "check", makeDrop(look, props.limit), busy, problem, answer);
  receive(root, (file) => (file ? look(file) : refuse()), isPictureOrHeic);
  element.replaceChildren(root);
}

function makeDrop(given, limit) {
  const input = fileInput("check-file", KINDS, phrase("Picture to check"), given);
  return box(
    "div",
    "drop",
    make("p", "lead", phrase("Check where a picture comes from")),
    button("check-choose", "act", phrase("Choose a picture"), () => input.click()),
    input,
    make(
      "p",
      "fine",
      phrase("Or drop or paste it here. PNG, JPEG, WebP, HEIC, AVIF, GIF or TIFF, up to {size}.", {
        size: megabytes(limit),
      }),
    ),
  );
}

/** The studio's answer, as `card`, or what went wrong, as `problem`. Asked again while the studio is busy. */
async function ask(file, isLatest) {
  if (!(await isReadable(file))) return { problem: UNREADABLE };
  for (let attempt = 1; ; attempt++) {
    const reply = await fetch(address("check"), { method: "POST", body: file });
    if (!isLatest()) return {};
    const body = await reply.json().catch(() => ({}));
    if (reply.ok) return { card: body };
    if (reply.status !== 503 || attempt >= TRIES) {
      return { problem: body.sentence ?? phrase("The picture could not be checked; try again.") };
    }
    await pause(700 * attempt);
  }
}

function makeVerdict(card, picture) {
  const image = make("img", "", "", { src: picture, alt: phrase("The picture that was checked") });
  image.addEventListener("error", () => image.remove()); // a kind that this browser cannot show
  const words = box("div", "", make("h3", "", card.title), make("p", "", card.sentence));
  words.append(...card.notes.map((note) => make("p", "", note)));
  const sign = make("span", "sign", SIGNS[card.tone], { "aria-hidden": "true" });
  const list = make("dl");
  for (const [name, value] of card.rows) list.append(box("div", "", make("dt", "", name), make("dd", "", value)));
  return box("div", `verdict ${card.tone}`, box("div", "head", sign, words), image, list);
}
