// The shelves of tiles by kind, "style" and "scene", for the fields that search them; and what is found by which words.
export const shelves = {};

const parts = (text) =>
  text
    .toLowerCase()
    .normalize("NFD")
    .replace(/\p{M}/gu, "")
    .split(/[^\p{L}\p{N}]+/u)
    .filter(Boolean);

/** Whether a typed word is the beginning of another, or that one with an ending of one or two letters. */
const begins = (typed, word) =>
  word.startsWith(typed) || (word.length > 3 && typed.length - word.length < 3 && typed.startsWith(word));

/** Whether an item has all the words that were typed. */
export function finds(typed, words) {
  const there = parts(words);
  return parts(typed).every((one) => there.some((word) => begins(one, word)));
}
