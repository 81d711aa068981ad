// Portraits enlarged: one, or both of a pair, which zoom together. When that was, and how long, is on record.
import { box, make } from "../dom.js";
import { phrase } from "../phrases.js";
import { Zoom } from "../zoom.js";
import { tell, words } from "./calls.js";
import { act } from "./parts.js";

/** Show them over the page until it is closed; the focus goes back to where it was. Items are those of `Zoom.show`. */
export function enlarge(items, trial, { elsewhere, onLeave }) {
  const zoom = new Zoom("zoom");
  const dialog = make("dialog", "large", "", { "aria-label": words(items.length > 1 ? "enlarge-both" : "enlarge") });
  const close = act(phrase("Close"), () => dialog.close(), { main: true, id: "zoom-close" });
  dialog.append(box("div", "large-inside", zoom.root, close));
  const told = async (name) => {
    if (!(await tell(name, trial))) elsewhere();
  };
  dialog.addEventListener("close", () => {
    dialog.remove();
    told("reduced");
  });
  onLeave(() => dialog.close());
  document.body.append(dialog);
  zoom.show(items);
  dialog.showModal(); // its first stop is the pictures, so that keys zoom at once
  told("enlarged");
}
