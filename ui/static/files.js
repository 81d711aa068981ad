// Files that visitors give: chosen, dropped on the page, or pasted.

import { make } from "./dom.js";
import { phrase } from "./phrases.js";

export const NOT_A_FILE = phrase("That was a link or text, not a picture; save the picture and drop its file here.");
export const UNREADABLE = phrase("This cannot be read: it may be a folder, or a file that has gone. Choose a picture.");
export const SILENT = phrase("The studio does not answer; check your connection and try again.");

export const megabytes = (bytes) => `${bytes / 2 ** 20} MB`;

/** Why a file of this size is not sent; "" where it is. */
export function sizeProblem(size, limit) {
  if (!size) return phrase("This file is empty; choose another one.");
  return size > limit
    ? phrase("This file is larger than {size}; choose a smaller one.", { size: megabytes(limit) })
    : "";
}

export const isPicture = (file) => file.type.startsWith("image/");
export const isPictureOrHeic = (file) => isPicture(file) || /\.hei[cf]$/i.test(file.name); // some browsers know no HEIC

export const isReadable = (file) =>
  file
    .slice(0, 1)
    .arrayBuffer()
    .then(
      () => true,
      () => false,
    );

export function fileInput(id, accept, label, given) {
  const input = make("input", "file", "", { type: "file", id, accept, tabindex: -1, "aria-label": label });
  input.addEventListener("change", () => {
    const [file] = input.files;
    input.value = ""; // the same file may be chosen again
    if (file) given(file);
  });
  return input;
}

/**
 * Take what is dropped on a card, or on the page around it, or pasted while the card is in sight.
 * `given` gets the file, or nothing where it was a link or text. `isWanted` says which pasted files are meant.
 */
export function receive(card, given, isWanted) {
  for (const name of ["dragover", "dragenter"]) {
    card.addEventListener(name, (event) => {
      event.preventDefault();
      card.classList.add("over");
    });
  }
  for (const name of ["dragleave", "drop"]) card.addEventListener(name, () => card.classList.remove("over"));
  card.addEventListener("drop", (event) => {
    event.preventDefault();
    given(event.dataTransfer.files[0]);
  });
  listen(card, window, "studio:dropped", (event) => given(event.detail));
  listen(card, document, "paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find(isWanted);
    if (file) given(file);
  });
}

/** Listen while the card is on the page, and act while it is in sight: otherwise another tab is open. */
function listen(card, target, name, act) {
  target.addEventListener(name, function heard(event) {
    if (!card.isConnected) target.removeEventListener(name, heard);
    else if (card.offsetParent) act(event);
  });
}
