// Two galleries side by side: the photo as used, and the portraits; what can be done with the chosen one.
// Runs as gr.HTML's js_on_load. Choosing is done here in the page; only "use this seed" asks the server.
const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text) node.textContent = text;
  return node;
};
const root = make("div", "results");
const column = (id, text) => {
  const box = make("section", "wall");
  const heading = make("h3", "", text);
  heading.id = id + "-title";
  const list = make("div", "prints");
  list.id = id;
  list.setAttribute("aria-labelledby", heading.id);
  box.append(heading, list);
  root.append(box);
  return list;
};
const originals = column("originals", "Your photo, as used");
originals.setAttribute("role", "group");
const portraits = column("portraits", "Portraits");
portraits.setAttribute("role", "radiogroup");
const actions = make("div", "row actions");
const link = (id, text) => {
  const node = make("a", "act", text);
  node.id = id;
  node.setAttribute("download", "");
  return node;
};
const one = link("download-one", "Download this portrait");
const all = link("download-all", "Download all");
const reuse = make("button", "act quiet", "Use its seed again");
reuse.type = "button";
reuse.id = "seed-again";
actions.append(one, all, reuse);
const facts = make("p", "fine");
facts.id = "portrait-facts";
facts.setAttribute("aria-live", "polite");
const notes = make("p", "fine");
notes.id = "portrait-notes";
const kept = make("section", "kept");
kept.id = "portrait-kept";
kept.setAttribute("aria-label", "How much of you was kept");
root.append(kept, actions, facts, notes);
element.replaceChildren(root);
let chosen = null;
let latest = null;

const print = (item) => {
  const box = make("figure", "print");
  const image = make("img");
  image.src = item.src;
  image.alt = item.alt ?? item.caption;
  box.append(image, make("figcaption", "", item.caption));
  return box;
};

// What is left of the person: a sentence, a warning where the picture beautifies, and the numbers, folded.
function tellKept(value, open) {
  kept.hidden = !value;
  if (!value) return;
  const parts = [make("p", "sentence", value.sentence)];
  if (value.warning) {
    const warning = make("p", "notice care", value.warning);
    warning.setAttribute("role", "status");
    parts.push(warning);
  }
  if (value.numbers.length || value.unmeasured.length) {
    const details = make("details", "numbers");
    details.open = open;
    const list = make("dl");
    for (const [label, number] of value.numbers) list.append(make("dt", "", label), make("dd", "", number));
    details.append(make("summary", "", "Compared with your photo, in numbers"), list);
    for (const reason of value.unmeasured) details.append(make("p", "fine", reason));
    parts.push(details);
  }
  kept.replaceChildren(...parts);
}

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
  originals.replaceChildren(...item.originals.map(print));
  one.href = item.src + "?download";
  facts.textContent = item.facts;
  notes.textContent = item.notes.join(" ");
  tellKept(item.faithfulness, kept.querySelector("details")?.open ?? false);
  if (announce) window.dispatchEvent(new CustomEvent("studio:show", { detail: { after: item.src, before: item.originals[0]?.src, title: item.title, badge: item.badge } }));
}

function paint() {
  const value = props.value ?? { portraits: [] };
  root.hidden = !value.portraits.length;
  portraits.replaceChildren(...value.portraits.map((item) => {
    const tile = make("button", "tile");
    tile.type = "button";
    tile.dataset.id = item.id;
    tile.setAttribute("role", "radio");
    tile.append(print(item));
    tile.addEventListener("click", () => choose(item.id));
    return tile;
  }));
  originals.replaceChildren();
  all.href = value.zip ?? "#";
  all.hidden = value.portraits.length < 2;
  const newest = value.portraits[0]?.id;
  choose(newest === latest ? chosen?.id : newest, false);
  latest = newest;
}

portraits.addEventListener("keydown", (event) => {
  const tiles = [...portraits.children];
  const here = tiles.indexOf(document.activeElement);
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (here < 0 || !step) return;
  event.preventDefault();
  const next = tiles[(here + step + tiles.length) % tiles.length];
  next.focus();
  choose(next.dataset.id);
});
reuse.addEventListener("click", () => chosen && trigger("reuse", { seed: chosen.seed }));
paint();
watch("value", paint);
