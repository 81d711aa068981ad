// The photo that the visit has: turned, its faces to click or to mark, and the hints about it.

import { Cropping } from "./crop.js";
import { box, button, make } from "./dom.js";
import { Faces } from "./faces.js";
import { settle } from "./focus.js";
import { Marking } from "./marking.js";
import { phrase } from "./phrases.js";

export class ChosenPhoto {
  #image = make("img", "", "", { id: "photo-image", alt: phrase("Your photo, as it was received") });
  #faces = new Faces((index) => this.trigger("face", { index }));
  #hints = make("ul", "hints", "", { id: "photo-hints", "aria-live": "polite" });

  /** `another` lets the visitor choose a file, `camera` is the button that opens it. */
  constructor({ props, trigger, remove, another, camera }) {
    this.trigger = trigger;
    const turn = (degrees) => trigger("turned", { degrees });
    const print = box("div", "print", this.#image, this.#faces.node);
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
      this.#faces.show([]);
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
    this.#faces.show(photo.faces, photo.face);
    this.#hints.replaceChildren(...photo.hints.map(([text, blocking]) => make("li", blocking ? "blocking" : "", text)));
  }
}
