// The key of the visit, kept by the tab, so that a page that was reloaded or lost its connection gets its visit back.
// A tab that was duplicated has a copy of it: where another page is at work on the visit, the copy is dropped.
import { pause } from "./dom.js";

const NAME = "studio-visit";
const UNLOCK_MS = 2000;
const ANSWER_MS = 1000; // for a page that is busy drawing
const LOOK = "studio-look";
let held = "";
let release = () => {};

// Storage is refused to a page in another site's frame by some browsers: then a reload begins anew.
const stored = (act) => {
  try {
    return act(sessionStorage) ?? "";
  } catch {
    return "";
  }
};

const before = JSON.parse(stored((storage) => storage.getItem(LOOK)) || "{}"); // what the page had that was here before
const look = { ...before };

/** The key of the visit, "" without one. The window hears "studio:visit" when it changes. */
export const visitKey = () => held;

export function hold(key) {
  const isNew = key !== held;
  if (isNew) lock(key);
  held = key;
  if (isNew) window.dispatchEvent(new Event("studio:visit"));
  stored((storage) => (key ? storage.setItem(NAME, key) : storage.removeItem(NAME)));
  if (!key) stored((storage) => storage.removeItem(LOOK));
}

/** The key of the visit that this page is at work on; "" without one. */
export const heldKey = () => held;

/** For as long as this page is at work on the visit; the browser sees to it, however busy the page is. */
function lock(key) {
  release();
  const until = new Promise((resolve) => {
    release = resolve;
  });
  if (key) navigator.locks?.request(`${NAME} ${key}`, () => until);
}

/** What is picked, as "style" or "scene": a tap without connection reaches the tab, not the server. */
export function remember(kind, id) {
  look[kind] = id;
  if (held) stored((storage) => storage.setItem(LOOK, JSON.stringify(look)));
}

const tabs = new BroadcastChannel(NAME);
tabs.addEventListener("message", ({ data }) => {
  if (held && data.who === held) tabs.postMessage({ mine: held });
});

async function isElsewhere(key) {
  if (!navigator.locks) return answers(key);
  for (let waited = 0; waited < UNLOCK_MS; waited += 100) {
    const { held: locks } = await navigator.locks.query();
    if (!locks.some((one) => one.name === `${NAME} ${key}`)) return false;
    await pause(100); // the page that was here before may be about to go
  }
  return true;
}

/** Whether a page answers that it has the visit: without encryption a browser has no locks. */
function answers(key) {
  return new Promise((resolve) => {
    const hear = ({ data }) => data.mine === key && done(true);
    const timer = setTimeout(() => done(false), ANSWER_MS);
    function done(answer) {
      clearTimeout(timer);
      tabs.removeEventListener("message", hear);
      resolve(answer);
    }
    tabs.addEventListener("message", hear);
    tabs.postMessage({ who: key });
  });
}

/** What a new page tells the server: nothing, the key of the visit to go on with, or that another tab has it. */
export async function returning() {
  const key = stored((storage) => storage.getItem(NAME));
  if (!key) return null;
  if (!(await isElsewhere(key))) return { key, look: before };
  hold("");
  return { elsewhere: true };
}
