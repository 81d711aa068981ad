// The photo that the visit has: turned, its faces to click or to mark, and the hints about it.

import { Cropping } from "./crop.js";
import { box, button, make } from "./dom.js";
import { settle } from "./focus.js";
import { Marking } from "./marking.js";
import { phrase } from "./phrases.js";

export class ChosenPhoto {
  #image = make("img", "", "", { id: "photo-image", alt: phrase("Your photo, as it was received") });
  #faces = make("div", "faces", "", {
    role: "group",
    "aria-label": phrase("Faces in the photo. Choose the one that is you."),
  });
  #hints = make("ul", "hints", "", { id: "photo-hints", "aria-live": "polite" });

  /** `another` lets the visitor choose a file, `camera` is the button that opens it. */
  constructor({ props, trigger, remove, another, camera }) {
    this.trigger = trigger;
    const turn = (degrees) => trigger("turned", { degrees });
    const print = box("div", "print", this.#image, this.#faces);
    this.marking = new Marking(print, this.#image, {
      toggled: (isOn) => this.#stepAside(isOn),
      marked: (face) => trigger("marked", face),
    });
    this.cropping = new Cropping({
      cropped: (crop) => trigger("cropped", crop),
      turned: turn,
      toggled: (isOn) => this.#adjusting(isOn),
    });
    this.upright = button("turn-upright", "act", phrase("Set it upright"), () => turn(props.value.photo.turn));
    this.yes = button("photo-yes", "act", phrase("Yes, this is a face"), () => trigger("face", { index: 0 }));
    this.anyway = button("photo-anyway", "act quiet", phrase("Use it without a face"), () => trigger("anyway"));
    this.another = button("photo-change", "act quiet", phrase("Another photo"), another);
    this.row = box(
      "div",
      "row",
      this.upright,
      this.yes,
      this.another,
      camera,
      this.cropping.opener,
      button("turn-left", "act quiet", phrase("Turn left"), () => turn(270)),
      button("turn-right", "act quiet", phrase("Turn right"), () => turn(90)),
      this.marking.opener,
      this.anyway,
      button("photo-remove", "act quiet", phrase("Remove"), remove),
    );
    this.box = box("div", "chosen", print, this.#hints, this.marking.box, this.cropping.box, this.row);
  }

  #adjusting(isOn) {
    this.box.classList.toggle("adjusting", isOn);
    this.row.hidden = isOn;
  }

  #stepAside(isMarking) {
    this.box.classList.toggle("by-hand", isMarking);
    this.row.hidden = isMarking;
    this.#hints.hidden = isMarking;
  }

  /** Show the photo of the widget's value, which may be none. */
  paint(photo) {
    if (!photo) {
      this.#image.removeAttribute("src");
      this.#faces.replaceChildren();
      if (this.cropping.isOn) this.cropping.stop();
      return;
    }
    if (photo.src && this.#image.src !== photo.src) {
      this.#image.src = photo.src;
      this.marking.stop();
      settle(this.another); // what the photo was chosen with is gone
    }
    this.cropping.show(photo, this.#image.src);
    this.anyway.hidden = !photo.faceless;
    this.yes.hidden = !photo.asked;
    this.upright.hidden = !photo.turn;
    this.#faces.replaceChildren(...photo.faces.map((face, index) => this.#makeFace(face, index, photo)));
    this.#hints.replaceChildren(...photo.hints.map(([text, blocking]) => make("li", blocking ? "blocking" : "", text)));
  }

  #makeFace([left, top, width, height], index, photo) {
    const face = button(`face-${index + 1}`, "face", String(index + 1), () => this.trigger("face", { index }));
    Object.assign(face.style, { left: `${left}%`, top: `${top}%`, width: `${width}%`, height: `${height}%` });
    face.setAttribute("aria-pressed", String(index === photo.face));
    face.setAttribute("aria-label", phrase("Face {number} of {all}", { number: index + 1, all: photo.faces.length }));
    return face;
  }
}
