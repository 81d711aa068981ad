// The visitor's own styles, for whatever lists styles: the picker and the board.
let kept = [];
const listeners = [];

/** [{id, name, summary, words, own, picture, thumb, sign}], oldest first. */
export function setOwnStyles(styles) {
  if (JSON.stringify(styles) === JSON.stringify(kept)) return;
  kept = styles;
  for (const tell of listeners) tell(kept);
}

/** `tell` is called with them, now and whenever they change. */
export function onOwnStyles(tell) {
  listeners.push(tell);
  if (kept.length) tell(kept);
}
