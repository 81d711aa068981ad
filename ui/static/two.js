// Two portraits side by side, over the page: one is chosen, the other one is tapped. They zoom together.
import { button, make } from "./dom.js";
import { phrase } from "./phrases.js";
import { Zoom } from "./zoom.js";

/**
 * `toggle` begins with a portrait, or stops; `take` is told of the next one that is picked, and answers whether it was
 * for this. `place` begins the ids, for the page has two of these.
 */
export function makeComparing(place = "") {
  const zoom = new Zoom(`${place}pair`);
  const dialog = make("dialog", "pair-of-portraits", "", { "aria-label": phrase("Two portraits side by side") });
  // Translators: a button
  const close = button(`${place}pair-close`, "act", phrase("Close"), () => dialog.close());
  dialog.append(zoom.root, close);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close()); // beside it
  const ask = make("p", "fine", "", { id: `${place}compare-ask`, role: "status" });
  const start = make("button", "act quiet", phrase("Compare with another"), {
    type: "button",
    id: `${place}compare-two`,
  });
  let first = null;

  const toggle = (item) => {
    first = first ? null : item;
    start.setAttribute("aria-pressed", String(Boolean(first)));
    ask.textContent = first ? phrase("Choose the portrait to see beside {caption}.", { caption: first.caption }) : "";
    if (first) ask.scrollIntoView({ block: "nearest", behavior: "smooth" });
  };
  const take = (item) => {
    if (!first || first.id === item.id) return false;
    zoom.show([first, item].map((one) => ({ ...one, full: one.file })));
    dialog.showModal();
    toggle(null);
    return true;
  };
  return { dialog, ask, start, toggle, take, isOn: () => Boolean(first) };
}
