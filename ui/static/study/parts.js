// Parts of all screens: texts, buttons, a heading that takes the focus, and the frame around them.
import { box, make } from "../dom.js";
import { words } from "./calls.js";

/** Paragraphs of a study's text; *words* between stars are emphasised. Never HTML. */
export function prose(text, className = "prose") {
  const root = make("div", className);
  for (const paragraph of text.split(/\n\s*\n/)) {
    const node = make("p");
    paragraph
      .replace(/\s*\n\s*/g, " ")
      .split(/\*([^*]+)\*/)
      .forEach((part, place) => {
        node.append(place % 2 ? make("em", "", part) : part);
      });
    root.append(node);
  }
  return root;
}

export function act(text, onClick, { main = false, id = "" } = {}) {
  const node = make("button", main ? "act main" : "act", text, { type: "button" });
  if (id) node.id = id;
  node.addEventListener("click", onClick);
  return node;
}

/** The buttons at the foot of a screen, always within reach of a thumb. */
export const foot = (...children) => box("div", "foot", ...children);

export function heading(text) {
  return make("h1", "", text, { tabindex: "-1" });
}

/** A sentence that is read out when it changes. */
export function notice(kind = "status") {
  const node = make("p", kind === "alert" ? "notice alert" : "notice", "", { role: kind });
  return {
    node,
    say(text) {
      node.textContent = text;
    },
  };
}

/** A code that is to be kept: large, selectable, with a button that copies it where the browser lets a page do so. */
export function code(title, text, id) {
  const copy = act(words("copy"), async () => {
    await navigator.clipboard.writeText(text);
    copy.textContent = words("copied");
  });
  copy.classList.add("quiet");
  copy.hidden = !navigator.clipboard; // only over https, and on this machine
  copy.setAttribute("aria-describedby", id);
  return box("div", "code", make("h2", "", title), box("div", "row", make("output", "", text, { id }), copy));
}

/** Ask before everything is deleted. Answers true or false. */
export function askToWithdraw() {
  return new Promise((resolve) => {
    const dialog = make("dialog", "ask", "", { "aria-labelledby": "ask-title" });
    const answer = (yes) => () => {
      dialog.close();
      dialog.remove();
      resolve(yes);
    };
    dialog.append(
      make("h2", "", words("withdraw-title"), { id: "ask-title" }),
      make("p", "", words("withdraw-text")),
      box(
        "div",
        "row",
        act(words("withdraw-no"), answer(false), { main: true }),
        act(words("withdraw-yes"), answer(true), { id: "withdraw-yes" }),
      ),
    );
    dialog.addEventListener("cancel", answer(false));
    document.body.append(dialog);
    dialog.showModal();
  });
}
