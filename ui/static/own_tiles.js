// Tiles with the visitor's own face, painted by the studio in passing: asked for two at a time, those in sight first, and
// given up at once when another photo is chosen or the visit ends. `studio:sitter` says whose face: null for nobody's,
// {key, sign} of the photo that is there, {hold: true} while another one is on its way.
import { pause } from "./dom.js";
import { address } from "./site.js";

const AT_ONCE = 2;
const TRIES = 4;
const WAIT_MS = 5000;
const SIGHT_MS = 150; // for the browser to say what is in sight; in a hidden tab it does not
let sitter = null;

window.addEventListener("studio:sitter", (event) => {
  sitter = event.detail;
});

/** Say whose face the tiles show; see above. */
export const tellSitter = (detail) => window.dispatchEvent(new CustomEvent("studio:sitter", { detail }));

/**
 * Returns `add` and `drop`, for a tile that comes later or goes.
 *
 * @param kind "styles" or "scenes".
 * @param first [{id, tile, image}] that can show the visitor; each image has its thumbnail as its source.
 * @param changed Called with whether the tiles are the visitor's own.
 */
export function ownTiles(kind, first, changed) {
  const tiles = [...first];
  const inSight = new Set();
  const sight = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) inSight[isIntersecting ? "add" : "delete"](target);
  });
  const thumbs = new Map(tiles.map(({ image }) => [image, image.src]));
  const done = new Set();
  let sign = "";
  let stopping = new AbortController();

  function sit(to) {
    stopping.abort();
    if (to?.hold) return;
    const next = to ? `${to.key} ${to.sign}` : "";
    if (next !== sign) {
      sign = next;
      takeDown();
      changed(Boolean(to));
    }
    if (to) {
      stopping = new AbortController();
      fill(to.key, stopping.signal);
    }
  }

  function takeDown() {
    done.clear();
    for (const { tile, image } of tiles) {
      if (image.src !== thumbs.get(image)) URL.revokeObjectURL(image.src);
      if (thumbs.get(image)) image.src = thumbs.get(image);
      else image.removeAttribute("src");
      tile.classList.toggle("coming", Boolean(sign));
    }
  }

  const next = (left) => left.find(({ tile }) => inSight.has(tile)) ?? left.find(({ tile }) => !tile.hidden) ?? left[0];
  const fill = (key, signal, wanted = tiles) =>
    fetchTiles({ path: `tile/${key}/${kind}`, signal, wanted: wanted.filter(({ id }) => !done.has(id)), next, done });

  function add(one) {
    tiles.push(one);
    thumbs.set(one.image, one.image.src);
    sight.observe(one.tile);
    if (!sign || !sitter?.key) return;
    one.tile.classList.add("coming");
    fill(sitter.key, stopping.signal, [one]);
  }

  function drop(tile) {
    const place = tiles.findIndex((one) => one.tile === tile);
    if (place < 0) return;
    const [{ id, image }] = tiles.splice(place, 1);
    done.delete(id);
    sight.unobserve(tile);
    if (image.src.startsWith("blob:")) URL.revokeObjectURL(image.src);
  }

  for (const { tile } of tiles) sight.observe(tile);
  window.addEventListener("studio:sitter", (event) => sit(event.detail));
  if (sitter) sit(sitter);
  return { add, drop };
}

/** Paint tiles with what the studio sends, some at a time; `next` says which of those that are left comes first. */
async function fetchTiles({ path, signal, wanted, next, done }) {
  await pause(SIGHT_MS);
  const left = new Set(wanted);
  const lane = async () => {
    while (left.size && !signal.aborted) {
      const one = next([...left]);
      left.delete(one);
      const picture = await fetchTile(`${path}/${one.id}.webp`, signal, () => left.clear());
      if (signal.aborted) return;
      one.tile.classList.remove("coming");
      if (!picture) continue; // the thumbnail stays
      one.image.hidden = false; // its thumbnail may have failed, and what is hidden does not load
      one.image.src = URL.createObjectURL(picture);
      done.add(one.id);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}

/** The picture, or null where there is none to be had. `ended` is called where the visit is over. */
async function fetchTile(path, signal, ended) {
  for (let tried = 0; tried < TRIES && !signal.aborted; tried++) {
    const answer = await fetch(address(path), { signal, priority: "low" }).catch(() => null);
    if (answer?.status === 200) return answer.blob().catch(() => null);
    if (answer?.status === 403) ended();
    if (answer && answer.status !== 204) return null;
    await pause(WAIT_MS); // no connection, or the server knows already that they are of no use, and the page will hear it
  }
  return null;
}
