// A picture that a portrait is to be painted after: given once the visitor has said that they may use it.

import { box, button, make } from "./dom.js";
import { fileInput, megabytes, NOT_A_FILE } from "./files.js";
import { phrase } from "./phrases.js";
import { Sender } from "./sender.js";

const MAY = phrase("I may use this picture: it is mine, it is free to use, or I was allowed to.");

export function stylePicture({ element, props, trigger, watch }) {
  const problem = make("p", "notice alert", "", { id: "style-picture-problem", role: "alert" });
  const tick = make("input", "", "", { type: "checkbox", id: "style-picture-may" });
  const busy = make("p", "notice status", "", { role: "status" });
  const sender = new Sender({
    props,
    say: (text) => {
      problem.textContent = text;
    },
    work: (text) => {
      busy.textContent = text;
    },
    arrived: () => trigger("arrived"),
    route: "style-picture",
    words: phrase("Looking at your picture …"),
    more: { "X-Studio-Rights": "yes" }, // nothing is sent before the tick
  });
  const take = (file) => {
    if (!tick.checked) return sender.say(phrase("Tick that you may use this picture, then give it again."));
    if (file) sender.send(file);
    else sender.say(NOT_A_FILE);
  };
  const input = fileInput("style-picture-file", "image/*,.heic,.heif,.avif", phrase("Style picture file"), take);
  const may = make("label", "may", "", { for: "style-picture-may" });
  may.append(tick, make("span", "", MAY));
  const choose = button("style-picture-choose", "act", phrase("Choose a picture"), () => input.click());
  const remove = button("style-picture-remove", "act quiet", phrase("Remove"), () =>
    trigger("removed", { asked: sender.ask() }),
  );
  const image = make("img", "", "", {
    id: "style-picture-image",
    alt: phrase("The picture of your style, as it was received"),
  });
  const about = make(
    "p",
    "fine",
    phrase(
      "A painting, a drawing, a fabric. JPEG, PNG, WebP, HEIC or AVIF, up to {size}. It is handled as your photo is, " +
        "and no copy of it gets into the portrait's file.",
      { size: megabytes(props.limit) },
    ),
  );
  const first = make("p", "fine", phrase("Tick step 1 first. Until then no picture is uploaded."));
  const open = box("div", "own-style", image, may, box("div", "row", choose, remove), input, about);

  function paint() {
    const value = props.value;
    first.hidden = Boolean(value?.key);
    open.hidden = !first.hidden;
    if (!value?.key) {
      tick.checked = false; // the next visitor says so for themselves
      problem.textContent = "";
    }
    choose.disabled = input.disabled = !tick.checked;
    choose.textContent = value?.src ? phrase("Another picture") : phrase("Choose a picture");
    image.hidden = remove.hidden = !value?.src;
    if (value?.src) image.src = value.src;
    else image.removeAttribute("src");
  }

  tick.addEventListener("change", paint);
  for (const name of ["dragenter", "dragover"]) open.addEventListener(name, (event) => event.preventDefault());
  open.addEventListener("drop", (event) => {
    event.preventDefault(); // else the page would take it for the visitor's photo
    take(event.dataTransfer.files[0]);
  });
  element.replaceChildren(box("div", "", first, open, busy, problem));
  paint();
  watch("value", paint);
}
