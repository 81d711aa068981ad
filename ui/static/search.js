// A field that searches a shelf of tiles while one types: Enter picks the first one found, the down arrow goes to them.

import { make } from "./dom.js";
import { phrase } from "./phrases.js";
import { shelves } from "./shelves.js";

export function search({ element, props }) {
  const field = make("input", "search", "", {
    type: "search",
    id: `find-${props.kind}`,
    placeholder: matchMedia("(max-width: 480px)").matches ? phrase("Search") : props.hint,
    "aria-label": props.kind === "style" ? phrase("Search styles") : phrase("Search scenes"),
    autocomplete: "off",
    spellcheck: "false",
    enterkeyhint: "done",
  });
  const shelf = () => shelves[props.kind];
  const clear = () => {
    field.value = "";
  };
  const find = () => shelf()?.find(field.value, clear);

  field.addEventListener("input", find);
  field.addEventListener("focus", () => field.select());
  field.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Escape" && field.value) {
      event.preventDefault();
      clear();
      find();
    } else if (event.key === "Enter" && field.value.trim()) {
      event.preventDefault();
      shelf()?.pickFound();
    } else if (event.key === "ArrowDown") {
      event.preventDefault();
      shelf()?.enter();
    }
  });
  element.replaceChildren(field);
}
