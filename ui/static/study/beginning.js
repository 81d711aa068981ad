// Before there is a question: the code, what the study is, and the consent.
import { box, make } from "../dom.js";
import { start, words } from "./calls.js";
import { act, foot, heading, notice, prose } from "./parts.js";

/** Somebody who came without a code. The form is the link itself. */
export function codeScreen() {
  const problem = notice("alert");
  problem.say(start.sentence ?? "");
  const input = make("input", "line", "", {
    name: start.parameter,
    id: "code",
    required: "",
    maxlength: "200",
    autocomplete: "off",
    autocapitalize: "none",
    spellcheck: "false",
  });
  const form = box(
    "form",
    "panel",
    make("label", "", words("code-text"), { for: "code" }),
    input,
    problem.node,
    foot(make("button", "act main", words("continue"), { type: "submit" })),
  );
  form.action = start.base;
  return [heading(words("code-title")), form];
}

export function informationScreen(screen, go) {
  return [
    heading(screen.title),
    languages(),
    prose(screen.information),
    make("p", "fine", `${words("contact")}: ${screen.contact}`),
    foot(act(words("continue"), go, { main: true, id: "go" })),
  ];
}

/** After answers of which not all were right: what the study is, once more. */
export function againScreen(screen, go) {
  return [
    heading(words("again-title")),
    make("p", "lead", words("again-text")),
    prose(screen.again),
    foot(act(words("continue"), go, { main: true, id: "go" })),
  ];
}

function languages() {
  const known = (start.languages ?? "").split(" ").filter(Boolean);
  const row = make("nav", "languages", "", { "aria-label": words("language") });
  row.hidden = known.length < 2;
  for (const one of known) {
    const name = new Intl.DisplayNames([one], { type: "language" }).of(one);
    const link = make("a", "", name, { href: `?lang=${one}`, lang: one, hreflang: one });
    if (one === start.language) link.setAttribute("aria-current", "true");
    row.append(link);
  }
  return row;
}

/** The text, then each purpose by itself; none is ticked beforehand. */
export function consentScreen(screen, { agree, decline }) {
  const problem = notice("alert");
  const ticks = screen.consent.purposes.map(([id, label, needed]) => {
    const input = make("input", "", "", { type: "checkbox", id: `purpose-${id}` });
    const kind = make("span", "fine", words(needed ? "consent-needed" : "consent-optional"));
    return { id, needed, input, line: box("label", "tick", input, box("span", "", make("span", "", label), kind)) };
  });
  const yes = act(words("consent-yes"), () => agree(chosen(), problem.say), { main: true, id: "agree" });
  const chosen = () => Object.fromEntries(ticks.map(({ id, input }) => [id, input.checked]));
  const paint = () => {
    yes.disabled = ticks.some(({ needed, input }) => needed && !input.checked);
  };
  for (const { input } of ticks) input.addEventListener("change", paint);
  paint();
  return [
    heading(words("consent-title")),
    prose(screen.consent.text, "prose consent"),
    box("div", "ticks", ...ticks.map(({ line }) => line)),
    problem.node,
    foot(
      yes,
      act(words("consent-no"), () => decline(problem.say), { id: "decline" }),
    ),
  ];
}
