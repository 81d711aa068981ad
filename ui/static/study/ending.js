// The end: what the study was about, the codes to keep, and the way back. And withdrawing, now or later.
import { box, make } from "../dom.js";
import { ask, start, words } from "./calls.js";
import { code, foot, heading, notice, prose } from "./parts.js";

export function endScreen(screen) {
  const { end } = screen;
  const isOut = screen.task === "screened_out";
  const parts = [heading(words(isOut ? "screened-title" : "done-title"))];
  if (isOut) parts.push(make("p", "lead", words("screened-text")));
  if (end.debrief) parts.push(prose(end.debrief));
  if (end.completion) {
    const completion = code(words("completion"), end.completion, "completion-code");
    completion.append(make("p", "fine", words("completion-text")));
    parts.push(completion);
  }
  const address = `${location.origin}${start.base}/withdraw`;
  parts.push(
    box(
      "div",
      "keep",
      code(words("withdrawal"), end.withdrawal, "withdrawal-code"),
      make("p", "fine", words("withdrawal-text", { address, day: end.until })),
    ),
  );
  parts.push(make("p", "fine", `${words("contact")}: ${screen.contact}`));
  if (end.return) parts.push(foot(make("a", "act main", words("return"), { href: end.return, id: "return" })));
  return parts;
}

export function plainScreen(title, text, back) {
  const parts = [heading(title), make("p", "lead", text)];
  if (back) parts.push(foot(make("a", "act main", words("return"), { href: back, id: "return" })));
  return parts;
}

/** With the code that was kept: a day later, from another device. */
export function withdrawalScreen(paint) {
  const problem = notice("alert");
  const input = make("input", "line code-input", "", {
    id: "withdrawal-input",
    required: "",
    maxlength: "40",
    autocomplete: "off",
    autocapitalize: "characters",
    spellcheck: "false",
    placeholder: "XXXX-XXXX-XXXX",
  });
  const send = async (event) => {
    event.preventDefault();
    problem.say("");
    try {
      await ask("withdraw", { code: input.value });
      paint(plainScreen(words("withdrawn-title"), words("withdrawn-text")));
    } catch (refused) {
      problem.say(refused.message);
    }
  };
  const form = box(
    "form",
    "panel",
    make("label", "", words("withdraw-code"), { for: "withdrawal-input" }),
    input,
    problem.node,
    foot(make("button", "act main", words("withdraw-yes"), { type: "submit", id: "withdraw-send" })),
  );
  form.addEventListener("submit", send);
  return [heading(words("withdraw-later-title")), make("p", "lead", words("withdraw-later-text")), form];
}
