// How large camera frames are sent, and how many come back.
const SMALLEST = 224;
const LARGEST = 512;
const SLOW = 170; // milliseconds for an answer
const QUICK = 110;

/** Longest side of the next frame, after one that took so many milliseconds. */
export function nextSide(side, took) {
  let factor = 1;
  if (took > SLOW) factor = 0.93;
  if (took < QUICK) factor = 1.04;
  return Math.round(Math.min(LARGEST, Math.max(SMALLEST, side * factor)));
}

/** Pictures a second, by the times at which the last ones came; at least two. */
export const pace = (times) => (times.length - 1) / ((times.at(-1) - times[0]) / 1000);
