// Arrow keys in a group of which one is chosen.
const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

/** Where an arrow key leads from `here`, round and round; -1 for any other key. */
export function byArrow(key, here, count) {
  const step = STEPS[key];
  return step ? (here + step + count) % count : -1;
}

/** The same, and Home and End. */
export function byKey(key, here, count) {
  if (key === "Home") return 0;
  return key === "End" ? count - 1 : byArrow(key, here, count);
}
