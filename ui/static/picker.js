// Picker of styles or scenes: a radio group of pictures, of which chips and typed words show some (sieve.js). Arrow keys
// move, Home and End jump, the choice follows the focus; Tab enters and leaves as in any radio group.

import { box, make } from "./dom.js";
import { byKey } from "./keys.js";
import { onOwnStyles } from "./own_styles.js";
import { ownTiles } from "./own_tiles.js";
import { remember } from "./page_key.js";
import { phrase } from "./phrases.js";
import { shelves } from "./shelves.js";
import { makeSieve } from "./sieve.js";

export function picker({ element, props, trigger, watch }) {
  const { groups, examples, kind } = props;
  const items = [...props.items];
  const shelf = make("div", "shelf", "", { role: "radiogroup", "aria-label": props.title });
  const about = make("p", "about", "", { "aria-live": "polite" });
  const whose = make("p", "fine whose");
  const tiles = items.map((item) => makeTile(item, () => choose(item.id)));
  const sieve = makeSieve({ kind, items, tiles, groups, examples, changed: sifted });

  function choose(id) {
    if (props.value === id) return;
    props.value = id;
    paint(true);
    trigger("pick");
  }

  function paint(isNew) {
    const found = items.findIndex((item) => item.id === props.value);
    const chosen = Math.max(0, found);
    if (found >= 0) remember(kind, props.value); // a style of the visitor's own may not be here yet
    if (isNew) window.dispatchEvent(new CustomEvent("studio:picked", { detail: { kind, id: props.value } }));
    if (isNew && tiles[chosen].hidden) sieve.only("");
    tiles.forEach((tile, index) => {
      tile.setAttribute("aria-checked", String(index === chosen));
      tile.tabIndex = index === chosen ? 0 : -1;
    });
    const visible = sieve.shown();
    if (!visible.includes(tiles[chosen]) && visible[0]) visible[0].tabIndex = 0;
    about.textContent = items[chosen].summary;
    if (isNew) reveal(shelf, tiles[chosen]);
  }

  function sifted() {
    shelf.scrollTo(0, 0);
    paint(false);
  }

  shelves[kind] = {
    find: sieve.find,
    pickFound() {
      const best = sieve.best();
      if (best) choose(best.dataset.id);
    },
    picked: () => props.value,
    enter: () => tiles.find((tile) => tile.tabIndex === 0 && !tile.hidden)?.focus(),
  };

  shelf.addEventListener("keydown", (event) => {
    const visible = sieve.shown();
    const here = visible.indexOf(document.activeElement);
    const next = here < 0 ? -1 : byKey(event.key, here, visible.length);
    if (next < 0) return;
    event.preventDefault();
    visible[next].focus(); // scrolls the page, past what sticks to its edges
    choose(visible[next].dataset.id);
  });

  shelf.append(...tiles);
  element.replaceChildren(box("div", "picker", ...sieve.parts, shelf, about, whose));
  sieve.only("");
  whose.textContent = props.before;
  const mine = ownTiles(`${kind}s`, ownOnes(items, tiles), (areOwn) => {
    whose.textContent = areOwn ? props.after : props.before;
  });
  if (kind === "style") {
    keepOwn({ items, tiles, shelf, sieve, mine, choose });
    onOwnStyles(() => paint(false));
  }
  watch("value", () => paint(true));
}

const ownOnes = (items, tiles) =>
  tiles
    .map((tile, index) => ({ tile, id: items[index].id, image: tile.querySelector("img") }))
    .filter((_, index) => items[index].own);

/** The visitor's own styles stand last on the shelf. */
function keepOwn({ items, tiles, shelf, sieve, mine, choose }) {
  const drop = (index) => {
    mine.drop(tiles[index]);
    tiles[index].remove();
    items.splice(index, 1);
    tiles.splice(index, 1);
  };
  const add = (one) => {
    const item = { ...one, group: "mine", thumb: one.picture ? new URL("own-picture.svg", import.meta.url).href : "" };
    const tile = makeTile(item, () => choose(item.id));
    items.push(item);
    tiles.push(tile);
    shelf.append(tile);
    if (item.own) mine.add({ tile, id: item.id, image: tile.querySelector("img") });
  };
  onOwnStyles((kept) => {
    for (let index = items.length - 1; index >= 0; index--) {
      const { group, id, sign, name } = items[index];
      const now = kept.find((one) => one.id === id);
      if (group === "mine" && (now?.sign !== sign || now.name !== name)) drop(index);
    }
    for (const one of kept) if (!items.some((item) => item.id === one.id)) add(one);
    sieve.offer("mine", phrase("My styles"), kept.length > 0);
  });
}

function makeTile(item, onClick) {
  const image = make("img", "", "", { alt: "", loading: "lazy", decoding: "async" });
  image.addEventListener("error", () => image.setAttribute("hidden", "")); // the initial is seen
  image.addEventListener("load", () => image.removeAttribute("hidden"));
  if (item.thumb) image.src = item.thumb; // else the initial is seen
  const picture = box("span", "picture", image);
  picture.dataset.initial = item.name[0];
  const tile = make("button", "tile", "", { type: "button", role: "radio", title: item.summary, "data-id": item.id });
  tile.append(picture, make("span", "name", item.name));
  tile.addEventListener("click", onClick);
  return tile;
}

/** Bring a tile into sight on its shelf. Not scrollIntoView: it would scroll the page as well. */
function reveal(shelf, tile) {
  const { offsetLeft: x, offsetWidth: w } = tile;
  const { scrollLeft: left, clientWidth: width } = shelf;
  if (x < left || x + w > left + width) shelf.scrollTo({ left: x - width / 2 + w / 2 });
}
