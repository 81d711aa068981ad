// Two portraits side by side, over the page: one is chosen, the other one is tapped.

import { box, button, make } from "./dom.js";
import { phrase } from "./phrases.js";

/**
 * `toggle` begins with a portrait, or stops; `take` is told of the next one that is picked, and answers whether it was
 * for this.
 */
export function makeComparing() {
  const pictures = make("div", "pictures");
  const dialog = make("dialog", "pair-of-portraits", "", { "aria-label": phrase("Two portraits side by side") });
  // Translators: a button
  const close = button("pair-close", "act", phrase("Close"), () => dialog.close());
  dialog.append(pictures, close);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close()); // beside it
  const ask = make("p", "fine", "", { id: "compare-ask", role: "status" });
  const start = make("button", "act quiet", phrase("Compare with another"), { type: "button", id: "compare-two" });
  let first = null;

  const toggle = (item) => {
    first = first ? null : item;
    start.setAttribute("aria-pressed", String(Boolean(first)));
    ask.textContent = first ? phrase("Choose the portrait to see beside {caption}.", { caption: first.caption }) : "";
    if (first) ask.scrollIntoView({ block: "nearest", behavior: "smooth" });
  };
  const take = (item) => {
    if (!first || first.id === item.id) return false;
    pictures.replaceChildren(...[first, item].map(figure));
    dialog.showModal();
    toggle(null);
    return true;
  };
  return { dialog, ask, start, toggle, take, isOn: () => Boolean(first) };
}

const figure = (item) =>
  box("figure", "", make("img", "", "", { src: item.shown, alt: item.alt }), make("figcaption", "", item.caption));
