// Files of a board to hand on. They are put together when asked for, which takes some seconds.

import { box, button, make } from "./dom.js";
import { phrase } from "./phrases.js";
import { noteBoard } from "./unsaved.js";

const FORMATS = [
  ["pptx", "PowerPoint"],
  ["pdf", "PDF"],
  ["png", "PNG sheet"],
  ["zip", phrase("Web page (ZIP)")],
];
const KEEP_MS = 10_000;

/** `base` gives the address of the board, `say` tells of a problem; without words the studio did not answer. */
export function makeExports(base, say) {
  const busy = make("p", "fine", "", { role: "status" });
  const row = make("div", "row");
  for (const [kind, name] of FORMATS) {
    const node = button(`board-${kind}`, "act", name, async () => {
      node.disabled = true;
      busy.textContent = phrase("Putting the {file} together …", { file: name });
      say("");
      await fetchFile(`${base()}/export.${kind}`, `board.${kind}`).catch((error) => {
        say(error instanceof TypeError ? null : error.message);
      });
      busy.textContent = "";
      node.disabled = false;
    });
    row.append(node);
  }
  return box("div", "board-exports", make("p", "label", phrase("Hand it on")), row, busy);
}

async function fetchFile(address, name) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error((await answer.json()).sentence);
  const named = /filename="([^"]+)"/.exec(answer.headers.get("content-disposition") ?? "");
  const link = make("a", "", "", { download: named?.[1] ?? name });
  link.href = URL.createObjectURL(await answer.blob());
  link.click();
  noteBoard(0);
  setTimeout(() => URL.revokeObjectURL(link.href), KEEP_MS);
}
