// A step that is done folds into one line, so that the next one is in sight; a button opens it and folds it again.

import { make } from "./dom.js";
import { phrase } from "./phrases.js";

/** For the card around `element`. `open` is what the button of the folded card says. */
export function makeFold(element, open) {
  const toggle = make("button", "link fold", "", { type: "button" });
  let last = "";

  function show(card, isFolded, label) {
    card.classList.toggle("folded", isFolded);
    toggle.setAttribute("aria-expanded", String(!isFolded));
    // Translators: a button that folds a finished step into one line
    toggle.textContent = isFolded ? label : phrase("Fold");
    toggle.setAttribute("aria-label", `${toggle.textContent}: ${card.querySelector("h2").dataset.name}`);
  }

  /** `what` tells one that is done from the next one, "" while nothing is; `label` goes on the button instead. */
  return (what, label = open) => {
    const card = element.closest(".card");
    const heading = card?.querySelector("h2");
    if (!heading) return;
    if (!toggle.isConnected) {
      heading.dataset.name ??= heading.lastChild.textContent;
      heading.after(toggle);
      toggle.addEventListener("click", () => show(card, !card.classList.contains("folded"), toggle.dataset.label));
    }
    toggle.hidden = !what;
    toggle.dataset.label = label;
    if (what !== last) show(card, Boolean(what), label);
    last = what;
  };
}
