// The photo: chosen, dropped, pasted or taken with the camera; then shown with its faces and hints (chosen_photo.js).

import { Camera } from "./camera.js";
import { ChosenPhoto } from "./chosen_photo.js";
import { box, button, make } from "./dom.js";
import { fileInput, isPicture, megabytes, NOT_A_FILE, receive } from "./files.js";
import { makeFold } from "./fold.js";
import { tellSitter } from "./own_tiles.js";
import { phrase, phrases } from "./phrases.js";
import { Sender } from "./sender.js";

export function photo({ element, props, trigger, watch }) {
  const problem = make("p", "notice alert", "", { id: "photo-problem", role: "alert" });
  const busy = make("p", "notice status", "", { role: "status" });
  // Translators: a button that opens the folded step of the photo
  const fold = makeFold(element, phrase("Change"));
  const say = (text) => {
    problem.textContent = text;
    if (text) tellSitter(sitterOf(props.value)); // the photo before it is still here
  };
  const work = (text) => {
    busy.textContent = text;
    if (text) tellSitter({ hold: true });
  };
  const sender = new Sender({ props, say, work, arrived: () => trigger("arrived") });
  const camera = new Camera({ props, say, changed: () => paint(), shot: (picture) => sender.send(picture) });
  const take = (file) => {
    camera.stop();
    sender.send(file);
  };
  const input = fileInput("photo-file", "image/*,.heic,.heif,.avif", phrase("Photo file"), take);
  const empty = makeEmpty(input, camera.opener, props.limit);
  const remove = () => trigger("removed", { asked: sender.ask() });
  const chosen = new ChosenPhoto({ props, trigger, remove, another: () => input.click(), camera: camera.again });
  const root = box("div", "photo", empty, camera.box, chosen.box, busy, problem);

  function paint() {
    const current = props.value?.photo;
    empty.hidden = Boolean(camera.isOn || current);
    camera.box.hidden = !camera.isOn;
    chosen.box.hidden = camera.isOn || !current;
    chosen.paint(current);
    tellSitter(sitterOf(props.value));
    const hints = current?.hints.length ?? 0;
    fold(
      camera.isOn ? "" : doneOf(current),
      hints ? phrases("Change ({count} hint)", "Change ({count} hints)", hints) : phrase("Change"),
    );
  }

  receive(
    root,
    (file) => {
      if (file) return take(file);
      say(NOT_A_FILE);
      problem.scrollIntoView({ block: "center" }); // it may have been dropped far from here
    },
    isPicture,
  );
  element.replaceChildren(root);
  paint();
  let painted = "null";
  watch("value", () => {
    const current = JSON.stringify(props.value?.photo ?? null);
    if (current !== painted) say(""); // the same value may come late, after a sentence about something newer
    painted = current;
    paint();
  });
}

/** Whose face the tiles can show: nobody's while it is open which one is meant. */
function sitterOf(value) {
  const photo = value?.photo;
  return photo?.sits ? { key: value.key, sign: `${photo.face} ${photo.src}` } : null;
}

/** The photo with which the step is done: one in which nothing is to be chosen. */
function doneOf(photo) {
  const isOpen = !photo?.sits || photo.faces.length || photo.hints.some(([, blocking]) => blocking);
  return isOpen ? "" : photo.src;
}

/** What is seen while there is no photo. */
function makeEmpty(input, opener, limit) {
  const choose = button("photo-choose", "act", phrase("Choose a photo"), () => input.click());
  return box(
    "div",
    "drop",
    make("p", "lead", phrase("Look straight at the camera, with light on your face.")),
    box("div", "row", choose, opener),
    input,
    make(
      "p",
      "fine",
      phrase("Or drop or paste a picture here. JPEG, PNG, WebP, HEIC or AVIF, up to {size}.", {
        size: megabytes(limit),
      }),
    ),
    make("p", "fine leave", phrase("Use your own photo, or one of somebody who has agreed to it.")),
  );
}
