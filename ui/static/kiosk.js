// At an exhibition: full screen, no links out, and a visit that nobody touches any more is deleted. The page asks first.

import { box, button, make } from "./dom.js";
import { forgetLanguage } from "./language.js";
import { heldKey, hold } from "./page_key.js";
import { phrase } from "./phrases.js";
import { address } from "./site.js";
import { savedAll } from "./unsaved.js";

const TOUCHES = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart", "input"];
const ASK_SECONDS = 20; // of those without a touch, at most half of them
const TRIES = 3;

export function kiosk({ element, props }) {
  document.documentElement.classList.add("kiosk");
  const idle = props.seconds;
  const asking = Math.min(ASK_SECONDS, Math.floor(idle / 2));
  const dialog = makeDialog({ stay: () => touched(), over: () => end() });
  let last = Date.now();
  let isUsed = false; // somebody did something since the page was opened
  let isEnding = false;

  function touched(event) {
    if (isEnding || (dialog.isOpen() && event?.type === "pointermove")) return; // a passer-by who brushes the mouse
    last = Date.now();
    isUsed ||= Boolean(event) && event.type !== "pointermove";
    dialog.close();
  }

  function look() {
    if (isEnding || !element.isConnected) return;
    if (document.querySelector('.stage[data-mode="working"]')) last = Date.now(); // a portrait is waited for
    const left = Math.ceil(idle - (Date.now() - last) / 1000);
    if (left <= 0) return void end();
    if (left <= asking && heldKey()) dialog.open(left);
  }

  /** Everything is deleted as by Withdraw and delete, and the page begins anew for the next visitor. */
  async function end() {
    if (isEnding) return;
    const key = heldKey();
    if (!key && !isUsed) {
      last = Date.now(); // nobody was here: the page is as it was
      return;
    }
    isEnding = true;
    dialog.ending();
    savedAll(); // the browser must not ask whether the page may be left
    for (let tries = 0; key && tries < TRIES; tries++) {
      const answer = await fetch(address(`over/${key}`), { method: "POST", keepalive: true }).catch(() => null);
      if (answer && answer.status < 500) break; // deleted, or it was already
    }
    hold("");
    forgetLanguage();
    location.replace(new URL(".", document.baseURI).href); // without a visit, and without what was typed
  }

  for (const name of TOUCHES) window.addEventListener(name, touched, { capture: true, passive: true });
  window.addEventListener("click", keepHere, true);
  setInterval(look, 500);
  const full = button("kiosk-full", "act quiet", phrase("Full screen"), () =>
    document.documentElement.requestFullscreen().catch(() => {}),
  );
  const paint = () => {
    full.hidden = !document.fullscreenEnabled || Boolean(document.fullscreenElement);
  };
  document.addEventListener("fullscreenchange", paint);
  element.replaceChildren(full);
  paint();
}

/** Links to other places stay where they are: behind them nobody would find back, and nothing would be deleted. */
function keepHere(event) {
  const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
  if (link && new URL(link.href, document.baseURI).origin !== location.origin) event.preventDefault();
}

/** Over the whole page, with the seconds that are left. Escape stays, as does any touch of the page. */
function makeDialog({ stay, over }) {
  const seconds = make("p", "seconds", "", { "aria-hidden": "true" }); // read out once, not each second
  const words = make("p", "lead", phrase("Still there?"), { id: "kiosk-words" });
  const what = make("p", "", "", { id: "kiosk-what" });
  const here = button("kiosk-stay", "act main", phrase("I am still here"), stay);
  const gone = button("kiosk-over", "act quiet", phrase("Delete it now"), over);
  const row = box("div", "row", here, gone);
  const dialog = box("dialog", "widget still-there", words, seconds, what, row);
  dialog.setAttribute("aria-labelledby", words.id);
  dialog.setAttribute("aria-describedby", what.id);
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    stay();
  });
  return {
    isOpen: () => dialog.open,
    open(left) {
      seconds.textContent = String(left);
      if (dialog.open) return;
      what.textContent = phrase("Otherwise your photo, your portraits and your consent are deleted.");
      document.querySelector("dialog[open]")?.close(); // two questions at once are none
      (document.querySelector(".gradio-container") ?? document.body).append(dialog);
      dialog.showModal();
      here.focus();
    },
    ending() {
      what.textContent = phrase("Deleting everything …");
      seconds.textContent = "";
      row.hidden = true;
    },
    close() {
      if (dialog.open) dialog.close();
    },
  };
}
