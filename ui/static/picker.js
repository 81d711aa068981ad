// Picker of styles or scenes: a radio group of pictures, with chips that filter by family.
// Runs as gr.HTML's js_on_load: `element`, `trigger`, `props`, `watch` are Gradio's.
// Arrow keys move, Home and End jump, the choice follows the focus; Tab enters and leaves as in any radio group.
const items = props.items;
const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text) node.textContent = text;
  return node;
};

const root = make("div", "picker");
const chips = make("div", "chips");
chips.setAttribute("role", "group");
chips.setAttribute("aria-label", "Show");
const shelf = make("div", "shelf");
shelf.setAttribute("role", "radiogroup");
shelf.setAttribute("aria-label", props.title);
const about = make("p", "about");
about.setAttribute("aria-live", "polite");
let group = "";

const tiles = items.map((item) => {
  const tile = make("button", "tile");
  tile.type = "button";
  tile.dataset.id = item.id;
  tile.title = item.summary;
  tile.setAttribute("role", "radio");
  const picture = make("span", "picture");
  picture.dataset.initial = item.name[0];
  const image = make("img");
  image.alt = "";
  image.loading = "lazy";
  image.decoding = "async";
  image.addEventListener("error", () => image.remove());
  image.src = item.thumb;
  picture.append(image);
  tile.append(picture, make("span", "name", item.name));
  tile.addEventListener("click", () => choose(item.id));
  shelf.append(tile);
  return tile;
});

const shown = () => tiles.filter((tile) => !tile.hidden);

function choose(id) {
  if (props.value === id) return;
  props.value = id;
  paint(true);
  trigger("pick");
}

function paint(reveal) {
  const chosen = items.find((item) => item.id === props.value) ?? items[0];
  if (group && chosen.group !== group && reveal) filter("");
  const visible = shown();
  for (const tile of tiles) {
    const checked = tile.dataset.id === chosen.id;
    tile.setAttribute("aria-checked", String(checked));
    tile.tabIndex = checked ? 0 : -1;
  }
  if (!visible.some((tile) => tile.tabIndex === 0) && visible[0]) visible[0].tabIndex = 0;
  about.textContent = chosen.summary;
  if (reveal) {
    const tile = tiles.find((one) => one.dataset.id === chosen.id);
    // not scrollIntoView: it would scroll the page as well
    const { offsetLeft: x, offsetTop: y, offsetWidth: w, offsetHeight: h } = tile;
    if (x < shelf.scrollLeft || x + w > shelf.scrollLeft + shelf.clientWidth) shelf.scrollTo({ left: x - shelf.clientWidth / 2 + w / 2 });
    if (y < shelf.scrollTop || y + h > shelf.scrollTop + shelf.clientHeight) shelf.scrollTo({ top: y - shelf.clientHeight / 2 + h / 2 });
  }
}

function filter(id) {
  group = id;
  for (const chip of chips.children) chip.setAttribute("aria-pressed", String(chip.dataset.group === id));
  for (const tile of tiles) tile.hidden = Boolean(id) && items.find((item) => item.id === tile.dataset.id).group !== id;
  shelf.scrollTo(0, 0);
  paint(false);
}

shelf.addEventListener("keydown", (event) => {
  const visible = shown();
  const here = visible.indexOf(document.activeElement);
  if (here < 0) return;
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  const next = event.key === "Home" ? 0 : event.key === "End" ? visible.length - 1 : step === undefined ? -1 : (here + step + visible.length) % visible.length;
  if (next < 0) return;
  event.preventDefault();
  visible[next].focus({ preventScroll: true });
  choose(visible[next].dataset.id);
});

if (props.groups.length) {
  for (const [id, name] of [["", "All"], ...props.groups]) {
    const chip = make("button", "chip", name.split(" & ")[0]);
    chip.title = name;
    chip.type = "button";
    chip.dataset.group = id;
    chip.addEventListener("click", () => filter(id));
    chips.append(chip);
  }
  root.append(chips);
}
root.append(shelf, about);
element.replaceChildren(root);
filter("");
watch("value", () => paint(true));
