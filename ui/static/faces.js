// Faces in a photo: a button over each, for pointer, finger and keyboard.

import { button, make } from "./dom.js";
import { phrase } from "./phrases.js";

document.head.append(make("link", "", "", { rel: "stylesheet", href: new URL("faces.css", import.meta.url).href }));

export class Faces {
  node = make("div", "faces", "", {
    role: "group",
    "aria-label": phrase("Faces in the photo. Choose the one that is you."),
  });

  /** `choose` hears of the number of a face, from 0. */
  constructor(choose) {
    this.choose = choose;
  }

  /** Show faces, each [left, top, width, height] in percent of the photo; `chosen` is the number of one, or null. */
  show(faces, chosen) {
    this.node.replaceChildren(...faces.map((face, index) => this.#make(face, index, chosen, faces.length)));
  }

  #make([left, top, width, height], index, chosen, all) {
    const face = button(`face-${index + 1}`, "face", String(index + 1), () => this.choose(index));
    Object.assign(face.style, { left: `${left}%`, top: `${top}%`, width: `${width}%`, height: `${height}%` });
    face.setAttribute("aria-pressed", String(index === chosen));
    face.setAttribute("aria-label", phrase("Face {number} of {all}", { number: index + 1, all }));
    return face;
  }
}
