// The consent once it is given: text, with the way back. Nothing is deleted before the visitor was asked for what is not
// downloaded. While the page is open it looks now and then whether the visit still is.

import { box, button, make } from "./dom.js";
import { settle } from "./focus.js";
import { makeFold } from "./fold.js";
import { tellSitter } from "./own_tiles.js";
import { hold } from "./page_key.js";
import { phrase } from "./phrases.js";
import { clock } from "./receipt.js";
import { address } from "./site.js";
import { savedAll } from "./unsaved.js";

const LOOK_MS = 60_000;

export function agreed({ element, props, trigger, watch }) {
  const at = make("span", "at");
  const since = box("span", "since", make("span", "words"), at);
  since.tabIndex = -1;
  // Translators: a button that opens a folded step
  const fold = makeFold(element, phrase("Details"));
  let sitter = null; // of the photo that is there
  const line = box(
    "p",
    "agreed",
    since,
    button("delete-data", "link", phrase("Withdraw and delete"), () => {
      holdTiles();
      trigger("withdraw");
    }),
  );
  const dialog = makeDialog(element, (isSure) => {
    props.value = { ...props.value, ask: null };
    if (!isSure) return;
    holdTiles();
    trigger("sure");
  });

  function paint() {
    const value = props.value;
    line.hidden = !value?.key;
    foldUp();
    if (!value) return; // the server has not spoken yet
    hold(value.key);
    if (!value.key) return dialog.close();
    // Translators: the time is in the place of the stars
    const [before, after] = phrase("You agreed at **.").split("**");
    since.firstChild.textContent = before;
    at.textContent = `${clock(value.at)}${after}`;
    settle(since); // the tick is gone
    if (!value.ask) return;
    tellSitter(sitter); // nothing is deleted yet
    dialog.open(value.ask);
  }

  /** What a study asks for besides stays open until the visitor has gone on to the photo. */
  function foldUp() {
    fold(props.asks_more && !sitter ? "" : (props.value?.key ?? ""));
  }

  window.addEventListener("studio:sitter", ({ detail }) => {
    if (detail?.hold) return;
    sitter = detail;
    foldUp();
  });

  async function look() {
    const key = props.value?.key;
    if (!key || !element.isConnected) return;
    const answer = await fetch(address("visit"), { headers: { "X-Studio-Key": key } }).catch(() => null);
    if (!answer || key !== props.value?.key) return; // no connection just now, or it is another visit
    const isGone = answer.status === 403;
    if (isGone || (answer.ok && (await answer.json()).lost)) trigger("stale");
  }

  setInterval(look, LOOK_MS);
  // The Privacy tab's own button is Gradio's, and asks the server at once.
  document.addEventListener("click", ({ target }) => target.closest?.("#kept-delete") && holdTiles(), true);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && look());
  element.replaceChildren(line);
  paint();
  watch("value", paint);
}

/** Tiles that are on their way are given up before a deletion: asked for without consent, they would be refused. */
const holdTiles = () => tellSitter({ hold: true });

/** The question, over the page whichever tab of it is open. Escape keeps, as does everything but Delete. */
function makeDialog(element, answered) {
  const words = make("p", "lead", "", { id: "ask-words" });
  const all = make("a", "act main", phrase("Download all"), { id: "ask-download", download: "" });
  // Translators: a button
  const yes = button("ask-delete", "act", phrase("Delete"), () => dialog.close("delete"));
  // Translators: a button: do not delete
  const no = button("ask-keep", "act", phrase("Keep"), () => dialog.close());
  const dialog = box("dialog", "widget asking", words, box("div", "row", all, yes, no));
  dialog.setAttribute("aria-labelledby", words.id);
  all.addEventListener("click", () => {
    savedAll();
    words.textContent = phrase("The download has begun. Delete everything here now?");
    all.hidden = true;
  });
  dialog.addEventListener("close", () => {
    const isSure = dialog.returnValue === "delete";
    dialog.remove();
    answered(isSure);
  });
  return {
    open(ask) {
      if (dialog.open) return;
      words.textContent = ask.words;
      Object.assign(all, { href: ask.all, hidden: !ask.all });
      dialog.returnValue = "";
      (element.closest(".gradio-container") ?? document.body).append(dialog); // not in a tab, which may be closed
      dialog.showModal();
      no.focus();
    },
    close: () => dialog.open && dialog.close(),
  };
}
