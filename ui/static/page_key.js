// The key of the visit, kept by the tab, so that a page that was reloaded or lost its connection gets its visit back.
// A tab that was duplicated has a copy of it: the page that is at work on the visit says so, and the copy is dropped.
const NAME = "studio-visit";
const ANSWER_MS = 400; // for a page that is busy drawing
const LOOK = "studio-look";
let held = "";

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

export function hold(key) {
  held = key;
  stored((storage) => (key ? storage.setItem(NAME, key) : storage.removeItem(NAME)));
  if (!key) stored((storage) => storage.removeItem(LOOK));
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

function isElsewhere(key) {
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
