// Beside Create, once a portrait hangs on the stage: Download and Share of the one that is chosen. In its place, while
// the camera is on: the shutter.

import { box, button, make } from "./dom.js";
import { phrase } from "./phrases.js";
import { makeShutterBar } from "./shutter.js";
import { saved } from "./unsaved.js";

const ONCE_MORE = phrase("The picture has arrived; tap Share once more.");
const LOST = phrase("This portrait could not be fetched; check your connection and try again.");

export function done({ element }) {
  const download = make("a", "act main", phrase("Download"), { id: "done-download", download: "" });
  download.addEventListener("click", () => saved([chosen?.id]));
  const words = make("p", "notice alert", "", { role: "status", id: "done-words" });
  const sharing = makeSharing(words);
  const share = button("done-share", "act", phrase("Share"), sharing.share);
  const print = make("p", "fine", "", { id: "done-print" });
  download.setAttribute("aria-describedby", print.id);
  const root = box("div", "done", box("div", "row", download, share), print, words);
  const shutter = makeShutterBar();
  let chosen = null;
  let staged = false;

  function paint() {
    root.hidden = !(staged && chosen);
    if (!chosen) return;
    download.href = `${chosen.file}?download`;
    print.textContent = chosen.print;
    share.hidden = !canShare();
    sharing.of(chosen);
  }

  window.addEventListener("studio:chosen", (event) => {
    chosen = event.detail;
    paint();
  });
  window.addEventListener("studio:staged", (event) => {
    staged = event.detail;
    paint();
  });
  element.replaceChildren(root, shutter);
  paint();
}

const pngFile = (parts, name) => new File(parts, name, { type: "image/png" });
const canShare = () => Boolean(navigator.canShare?.({ files: [pngFile([""], "portrait.png")] }));

/**
 * Sharing hands on the file itself, with its marks. Fetching it may take longer than a browser lets a tap count: then
 * it is kept, and the next tap shares it at once.
 */
function makeSharing(words) {
  let item = null;
  let file = null;
  const of = (chosen) => {
    if (chosen.id === item?.id) return;
    [item, file] = [chosen, null];
    words.textContent = "";
  };
  const share = async () => {
    const wanted = item;
    words.textContent = "";
    try {
      const fetched = file ?? (await fetchFile(wanted));
      if (wanted !== item) return;
      file = fetched;
      await navigator.share({ files: [file], title: wanted.title });
      saved([wanted.id]);
      fetch(`${wanted.file}?download`, { method: "HEAD" }).catch(() => {}); // the studio counts it as downloaded, too
    } catch (error) {
      if (error.name === "AbortError" || wanted !== item) return; // the visitor thought better of it
      words.textContent = error.name === "NotAllowedError" ? ONCE_MORE : LOST;
    }
  };
  return { of, share };
}

async function fetchFile(item) {
  const answer = await fetch(item.file);
  if (!answer.ok) throw new Error(`answered ${answer.status}`);
  return pngFile([await answer.blob()], item.name);
}
