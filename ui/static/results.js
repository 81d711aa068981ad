// Two galleries side by side: the photo as used, and the portraits; what can be done with the chosen one.
// Choosing and comparing are done here in the page; only the settings and the star ask the server.

import { box, button, make } from "./dom.js";
import { byArrow } from "./keys.js";
import { phrase } from "./phrases.js";
import { makeComparing } from "./two.js";
import { note, saved, savedAll } from "./unsaved.js";

export function results({ element, props, trigger, watch }) {
  const originals = makeWall("originals", phrase("Your photo (cropped)"), "group");
  const portraits = makeWall("portraits", phrase("Portraits"), "radiogroup");
  let chosen = null;
  let latest = null;
  const two = makeComparing();
  const star = () => chosen && trigger("favourite", { id: chosen.id, on: !chosen.favourite });
  const reuse = () => chosen && trigger("reuse", { id: chosen.id });
  const about = makeAbout({ reuse, star, downloaded: () => saved([chosen?.id]), compare: two.start });
  two.start.addEventListener("click", () => two.toggle(chosen));
  const [crop, wall] = [originals, portraits].map((list) => list.parentNode);
  const room = make("p", "fine", "", { id: "portraits-room", role: "status" });
  wall.append(two.ask);
  const root = box("div", "results", crop, wall, room, about.kept, about.actions, about.facts, about.notes, two.dialog);

  function choose(id, announce = true) {
    const all = props.value?.portraits ?? [];
    const item = all.find((portrait) => portrait.id === id) ?? all[0];
    if (!item) return;
    chosen = item;
    for (const node of portraits.children) {
      const checked = node.dataset.id === item.id;
      node.setAttribute("aria-checked", String(checked));
      node.tabIndex = checked ? 0 : -1;
    }
    originals.replaceChildren(...item.originals.map(makePrint));
    originals.style.setProperty("--ratio", String(item.ratio));
    showAbout(about, item);
    window.dispatchEvent(new CustomEvent("studio:chosen", { detail: item }));
    if (announce) showOnStage(item);
  }

  function paint() {
    const value = props.value ?? { portraits: [] };
    root.hidden = !value.portraits.length;
    note(value.portraits);
    room.textContent = value.room ?? "";
    portraits.replaceChildren(
      ...value.portraits.map((item) => makeTile(item, () => two.take(item) || choose(item.id))),
    );
    originals.replaceChildren();
    about.all.href = value.zip ?? "#";
    about.all.hidden = value.portraits.length < 2;
    two.start.hidden = value.portraits.length < 2;
    if (two.isOn()) two.toggle(null);
    if (!value.portraits.length) window.dispatchEvent(new CustomEvent("studio:chosen", { detail: null }));
    const newest = value.portraits[0]?.id;
    choose(newest === latest ? chosen?.id : newest, false);
    latest = newest;
  }

  portraits.addEventListener("keydown", (event) => {
    const tiles = [...portraits.children];
    const here = tiles.indexOf(document.activeElement);
    const next = here < 0 ? -1 : byArrow(event.key, here, tiles.length);
    if (next < 0) return;
    event.preventDefault();
    tiles[next].focus();
    if (!two.isOn()) choose(tiles[next].dataset.id); // then Enter picks
  });
  element.replaceChildren(root);
  paint();
  watch("value", paint);
}

/** A gallery under its heading; returns what the pictures go into. */
function makeWall(id, text, role) {
  const heading = make("h3", "", text, { id: `${id}-title` });
  const list = make("div", "prints", "", { id, role, "aria-labelledby": heading.id });
  box("section", "wall", heading, list);
  return list;
}

function makePrint(item) {
  const image = make("img", "", "", { src: item.src, alt: item.alt ?? item.caption });
  return box("figure", "print", image, make("figcaption", "", item.caption));
}

function makeTile(item, onClick) {
  const tile = make("button", "tile", "", { type: "button", role: "radio", "data-id": item.id });
  tile.append(makePrint({ ...item, src: item.tile }));
  tile.style.setProperty("--ratio", String(item.ratio));
  // Translators: said of the star on a portrait
  if (item.favourite) tile.append(make("span", "star", "★", { role: "img", "aria-label": phrase("Favourite") }));
  tile.addEventListener("click", onClick);
  return tile;
}

/** What is said of the chosen portrait, and what can be done with it. */
function makeAbout({ reuse, star, downloaded, compare }) {
  const one = make("a", "act", phrase("Download this portrait"), { id: "download-one", download: "" });
  const all = make("a", "act", phrase("Download all"), { id: "download-all", download: "" });
  one.addEventListener("click", downloaded);
  all.addEventListener("click", savedAll);
  const favourite = button("favourite", "act quiet", "", star);
  const settings = button("use-settings", "act quiet", phrase("Use these settings"), reuse);
  const actions = box("div", "row actions", one, all, favourite, settings, compare);
  const facts = make("p", "fine", "", { id: "portrait-facts", "aria-live": "polite" });
  const notes = make("p", "fine", "", { id: "portrait-notes" });
  const kept = make("section", "kept", "", { id: "portrait-kept", "aria-label": phrase("How much of you was kept") });
  return { one, all, favourite, actions, facts, notes, kept };
}

function showAbout({ one, favourite, facts, notes, kept }, item) {
  one.href = `${item.file}?download`;
  favourite.textContent = item.favourite ? phrase("★ Favourite") : phrase("☆ Keep as favourite");
  favourite.setAttribute("aria-pressed", String(item.favourite));
  facts.textContent = `${item.print}. ${item.facts}`;
  notes.textContent = item.notes.join(" ");
  const open = kept.querySelector("details")?.open ?? false;
  kept.hidden = !item.faithfulness;
  if (item.faithfulness) kept.replaceChildren(...keptOf(item.faithfulness, open));
}

/** What is left of the person: a sentence, a warning where the picture beautifies, and the numbers, folded. */
function keptOf(value, open) {
  const parts = [make("p", "sentence", value.sentence)];
  if (value.warning) parts.push(make("p", "notice care", value.warning, { role: "status" }));
  if (value.numbers.length || value.unmeasured.length) {
    const list = make("dl");
    for (const [label, number] of value.numbers) list.append(make("dt", "", label), make("dd", "", number));
    const summary = make("summary", "", phrase("Compared with your photo, in numbers"));
    const reasons = value.unmeasured.map((reason) => make("p", "fine", reason));
    const details = box("details", "numbers", summary, list, ...reasons);
    details.open = open;
    parts.push(details);
  }
  return parts;
}

function showOnStage({ shown, originals, title, badge, ratio }) {
  const detail = { after: shown, before: originals[0]?.src, title, badge, ratio };
  window.dispatchEvent(new CustomEvent("studio:show", { detail }));
}
