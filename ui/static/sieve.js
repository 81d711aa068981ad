// Which tiles of a shelf are shown: those of a family, by a chip, or those with the words that were typed (search.js).

import { box, button, make } from "./dom.js";
import { phrase, phrases } from "./phrases.js";
import { finds } from "./shelves.js";

/**
 * @param kind "style" or "scene".
 * @param changed Called after each change of what is shown.
 */
export function makeSieve({ kind, items, tiles, groups, examples, changed }) {
  const chips = makeChips(groups, (id) => only(id));
  const found = makeFound(kind, examples, () => only(""));
  let typed = "";
  let cleared = () => {}; // empties the search field
  const shown = () => tiles.filter((tile) => !tile.hidden);

  /** Of this family, "" for all, and with these words. */
  function only(group, words = "") {
    typed = words;
    if (!typed) cleared();
    for (const chip of chips.children) chip.setAttribute("aria-pressed", String(chip.dataset.group === group));
    tiles.forEach((tile, index) => {
      const { group: family, words: known } = items[index];
      tile.hidden = Boolean(group && family !== group) || !finds(typed, known);
    });
    found.say(typed, shown().length);
    changed();
  }

  /** What was typed; `clear` empties the field. */
  function find(words, clear) {
    cleared = clear;
    only("", words.trim());
  }

  /** The first one found, those before others whose name begins so. */
  function best() {
    const name = (tile) => tile.lastChild.textContent.toLowerCase();
    return shown().find((tile) => name(tile).startsWith(typed.toLowerCase())) ?? shown()[0];
  }

  /** A chip that is there only while there is something behind it. */
  function offer(id, name, on) {
    const there = [...chips.children].find((chip) => chip.dataset.group === id);
    if (on && !there) chips.append(makeChip(id, name, only));
    if (!on) there?.remove();
    only("");
  }

  return { parts: [...(groups.length ? [chips] : []), found.line], only, find, best, shown, offer };
}

/** How many were found, for those who hear it too, and the way out where nothing was. */
function makeFound(kind, examples, all) {
  const words = make("span", "", "", { role: "status" });
  const out = button(
    `find-${kind}-all`,
    "link",
    kind === "style" ? phrase("Show all styles") : phrase("Show all scenes"),
    all,
  );
  const line = box("p", "found", words, out);
  const say = (typed, count) => {
    const many =
      kind === "style"
        ? phrases("{count} style found.", "{count} styles found.", count)
        : phrases("{count} scene found.", "{count} scenes found.", count);
    const none = phrase("Nothing found for “{words}”. Try {examples}.", { words: typed, examples });
    words.textContent = typed && (count ? many : none);
    out.hidden = !typed;
  };
  return { line, say };
}

function makeChips(groups, only) {
  // Translators: names the group of buttons by which tiles are shown, for those who hear the page
  const chips = make("div", "chips", "", { role: "group", "aria-label": phrase("Show") });
  // Translators: a button: show all tiles
  const all = ["", phrase("All")];
  chips.append(...[all, ...groups].map(([id, name]) => makeChip(id, name, only)));
  return chips;
}

function makeChip(id, name, only) {
  const chip = make("button", "chip", name.split(" & ")[0], { type: "button", title: name, "data-group": id });
  chip.addEventListener("click", () => only(id));
  return chip;
}
