// Picker of styles or scenes: a radio group of pictures, with chips that filter by family.
// Arrow keys move, Home and End jump, the choice follows the focus; Tab enters and leaves as in any radio group.
import { box, make } from "./dom.js";
import { byKey } from "./keys.js";
import { remember } from "./page_key.js";

export function picker({ element, props, trigger, watch }) {
  const { items } = props;
  const shelf = make("div", "shelf", "", { role: "radiogroup", "aria-label": props.title });
  const about = make("p", "about", "", { "aria-live": "polite" });
  const chips = makeChips(props.groups, filter);
  const tiles = items.map((item) => makeTile(item, () => choose(item.id)));
  let group = "";

  const shown = () => tiles.filter((tile) => !tile.hidden);

  function choose(id) {
    if (props.value === id) return;
    props.value = id;
    paint(true);
    trigger("pick");
  }

  function paint(isNew) {
    const chosen = items.find((item) => item.id === props.value) ?? items[0];
    remember(props.title.toLowerCase(), chosen.id);
    if (group && chosen.group !== group && isNew) filter("");
    const visible = shown();
    for (const tile of tiles) {
      const checked = tile.dataset.id === chosen.id;
      tile.setAttribute("aria-checked", String(checked));
      tile.tabIndex = checked ? 0 : -1;
    }
    if (!visible.some((tile) => tile.tabIndex === 0) && visible[0]) visible[0].tabIndex = 0;
    about.textContent = chosen.summary;
    if (isNew) reveal(shelf, tiles[items.indexOf(chosen)]);
  }

  function filter(id) {
    group = id;
    for (const chip of chips.children) chip.setAttribute("aria-pressed", String(chip.dataset.group === id));
    tiles.forEach((tile, index) => {
      tile.hidden = Boolean(id) && items[index].group !== id;
    });
    shelf.scrollTo(0, 0);
    paint(false);
  }

  shelf.addEventListener("keydown", (event) => {
    const visible = shown();
    const here = visible.indexOf(document.activeElement);
    const next = here < 0 ? -1 : byKey(event.key, here, visible.length);
    if (next < 0) return;
    event.preventDefault();
    visible[next].focus({ preventScroll: true });
    choose(visible[next].dataset.id);
  });

  shelf.append(...tiles);
  element.replaceChildren(box("div", "picker", ...(props.groups.length ? [chips] : []), shelf, about));
  filter("");
  watch("value", () => paint(true));
}

function makeTile(item, onClick) {
  const image = make("img", "", "", { alt: "", loading: "lazy", decoding: "async" });
  image.addEventListener("error", () => image.remove());
  image.src = item.thumb;
  const picture = box("span", "picture", image);
  picture.dataset.initial = item.name[0];
  const tile = make("button", "tile", "", { type: "button", role: "radio", title: item.summary, "data-id": item.id });
  tile.append(picture, make("span", "name", item.name));
  tile.addEventListener("click", onClick);
  return tile;
}

function makeChips(groups, filter) {
  const chips = make("div", "chips", "", { role: "group", "aria-label": "Show" });
  for (const [id, name] of [["", "All"], ...groups]) {
    const chip = make("button", "chip", name.split(" & ")[0], { type: "button", title: name, "data-group": id });
    chip.addEventListener("click", () => filter(id));
    chips.append(chip);
  }
  return chips;
}

/** Bring a tile into sight on its shelf. Not scrollIntoView: it would scroll the page as well. */
function reveal(shelf, tile) {
  const { offsetLeft: x, offsetTop: y, offsetWidth: w, offsetHeight: h } = tile;
  const { scrollLeft: left, scrollTop: top, clientWidth: width, clientHeight: height } = shelf;
  if (x < left || x + w > left + width) shelf.scrollTo({ left: x - width / 2 + w / 2 });
  if (y < top || y + h > top + height) shelf.scrollTo({ top: y - height / 2 + h / 2 });
}
