// At an exhibition: beside the portrait that hangs on the stage, a code by which a phone fetches it, once.

import { box, button, make } from "./dom.js";
import { heldKey } from "./page_key.js";
import { phrase } from "./phrases.js";
import { address } from "./site.js";

const LOOK_MS = 4000;
const SAID = {
  used: phrase("This portrait was fetched. For another phone, make a new code."),
  over: phrase("The code has run out."),
  lost: phrase("No code could be made; try again."),
};

export function handover({ element }) {
  const { root, image, words, link, again } = makeCard(() => renew());
  const codes = new Map(); // by portrait
  let chosen = null;
  let staged = false;

  const path = (id) => address(`link/${heldKey()}/${id}`);

  function paint() {
    root.hidden = !(staged && chosen);
    if (root.hidden) return;
    const code = codes.get(chosen.id);
    const isOpen = code?.state === "open";
    image.hidden = link.hidden = !isOpen;
    again.hidden = !code || isOpen;
    if (isOpen) {
      image.src = code.code;
      link.textContent = code.address;
      const how = phrase("Read the code with your phone's camera. It works once, for {minutes} minutes.", code);
      const reach = phrase("This address is of this computer alone: whoever runs the studio sets another.");
      words.textContent = code.local ? `${how} ${reach}` : how;
    } else {
      image.removeAttribute("src");
      link.textContent = "";
      words.textContent = code ? SAID[code.state] : phrase("Making a code …");
    }
  }

  async function renew() {
    const { id } = chosen;
    codes.delete(id);
    paint();
    const body = JSON.stringify({ base: new URL(".", document.baseURI).href });
    const answer = await fetch(path(id), { method: "POST", body }).catch(() => null);
    codes.set(id, answer?.ok ? { ...(await answer.json()), state: "open" } : { state: "lost" });
    paint();
  }

  async function look() {
    const code = chosen && codes.get(chosen.id);
    if (!element.isConnected || root.hidden || code?.state !== "open") return;
    const answer = await fetch(path(chosen.id)).catch(() => null);
    if (!answer?.ok || codes.get(chosen?.id) !== code) return; // no connection just now, or a newer code
    const { state } = await answer.json();
    if (state === "open") return;
    code.state = state === "used" ? "used" : "over";
    paint();
  }

  function show() {
    if (!chosen) codes.clear(); // another visit, or none
    if (staged && chosen && !codes.has(chosen.id)) renew();
    else paint();
  }

  window.addEventListener("studio:chosen", (event) => {
    chosen = event.detail;
    show();
  });
  window.addEventListener("studio:staged", (event) => {
    staged = event.detail;
    show();
  });
  setInterval(look, LOOK_MS);
  element.replaceChildren(root);
  paint();
}

function makeCard(renew) {
  const image = make("img", "", "", {
    id: "handover-code",
    alt: "QR code of the address below",
    width: 200,
    height: 200,
  });
  const words = make("p", "fine", "", { id: "handover-words", role: "status" });
  const link = make("p", "fine where", "", { id: "handover-address" });
  const again = button("handover-new", "act quiet", phrase("New code"), renew);
  const about = box("div", "about", make("p", "lead", phrase("Take it with you")), words, again, link);
  const root = box("section", "handover", image, about);
  root.setAttribute("aria-label", phrase("Fetch this portrait on a phone"));
  return { root, image, words, link, again };
}
