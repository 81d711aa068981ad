// The camera. It is mirrored on the screen only, never in the pixels; its frames come back in the picked style.

import { box, button, make, pause } from "./dom.js";
import { nextSide, pace } from "./frames.js";
import { phrase, phrases } from "./phrases.js";
import { Shutter } from "./shutter.js";
import { address } from "./site.js";

const INSECURE = phrase(
  "Browsers give the camera only to secure pages (https, or this computer's own); choose a photo instead.",
);
const NONE = phrase("No camera was found; connect one, or choose a photo.");
const REFUSALS = {
  NotAllowedError: phrase("The browser may not use the camera; allow it beside the address bar, or choose a photo."),
  NotFoundError: NONE,
  OverconstrainedError: NONE,
  NotReadableError: phrase("The camera is in use by another program; close that one, or choose a photo."),
};
const SIZE = { width: { ideal: 1280 }, height: { ideal: 960 } };

const tellStage = (detail) => window.dispatchEvent(new CustomEvent("studio:live", { detail }));

export class Camera {
  #stream = null;
  #device = 0;
  #side = 384;
  #canvas = document.createElement("canvas");
  #video = make("video", "", "", { "aria-label": phrase("Your camera, as a mirror") });
  #rate = make("span", "rate", "", { id: "camera-rate", "aria-hidden": "true" });
  #picture = null; // the shot, while the visitor looks at it
  #shutter = new Shutter({
    freeze: () => this.#freeze(),
    thaw: () => this.#thaw(),
    use: () => this.#use(),
  });
  #glass = box("div", "glass", this.#video, this.#rate, this.#shutter.number);
  #flip = button("camera-switch", "act quiet", phrase("Other camera"), () => this.#next());

  /** Both open it: one where there is no photo yet, one beside the photo. */
  opener = button("camera-open", "act", phrase("Use the camera"), () => this.start());
  // Translators: a button that opens the camera
  again = button("camera-again", "act quiet", phrase("Camera"), () => this.start());

  /** `say` shows a problem, `changed` hears when it goes on or off, `shot` gets a picture. */
  constructor({ props, say, changed, shot }) {
    Object.assign(this, { props, say, changed, shot });
    this.#video.muted = true;
    this.#video.playsInline = true;
    const close = button("camera-close", "act quiet", phrase("Close camera"), () => {
      this.stop();
      this.opener.focus();
    });
    this.box = box("div", "camera", this.#glass, box("div", "row", ...this.#shutter.buttons, this.#flip, close));
  }

  get isOn() {
    return this.#stream !== null;
  }

  async start() {
    this.say("");
    if (!window.isSecureContext || !navigator.mediaDevices?.getUserMedia) return this.say(INSECURE);
    this.opener.disabled = true;
    this.again.disabled = true;
    try {
      await this.#open();
    } catch (error) {
      this.stop();
      this.say(REFUSALS[error.name] ?? phrase("The camera does not start; choose a photo instead."));
    } finally {
      this.opener.disabled = false;
      this.again.disabled = false;
    }
  }

  async #open() {
    const cameras = (await navigator.mediaDevices.enumerateDevices()).filter((one) => one.kind === "videoinput");
    const wanted = cameras[this.#device % Math.max(1, cameras.length)]?.deviceId;
    const which = this.#device && wanted ? { deviceId: wanted } : { facingMode: "user" };
    const stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { ...which, ...SIZE } });
    this.#stream = stream;
    this.#flip.hidden = cameras.length < 2;
    this.#video.srcObject = stream;
    const track = stream.getVideoTracks()[0];
    this.#glass.classList.toggle("away", track.getSettings().facingMode === "environment");
    track.addEventListener("ended", () => {
      this.stop();
      this.say(phrase("The camera was unplugged; connect it, or choose a photo."));
    });
    this.#shutter.isOn = true;
    this.changed();
    await this.#video.play();
    this.#shutter.focus();
    // On a phone, mirror and portrait are both in sight then.
    if (innerWidth <= 900) this.box.closest(".card")?.scrollIntoView({ block: "start", behavior: "smooth" });
    this.#live(stream);
  }

  stop() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.#video.srcObject = null;
    this.#picture = null;
    this.#shutter.isOn = false;
    tellStage(null);
    this.changed();
  }

  async #next() {
    this.#device += 1;
    this.stop();
    await this.start();
  }

  #grab(longest, quality) {
    const { videoWidth: width, videoHeight: height } = this.#video;
    const scale = Math.min(1, longest / Math.max(width, height));
    this.#canvas.width = Math.round(width * scale);
    this.#canvas.height = Math.round(height * scale);
    this.#canvas.getContext("2d").drawImage(this.#video, 0, 0, this.#canvas.width, this.#canvas.height);
    return new Promise((resolve) => this.#canvas.toBlob(resolve, "image/jpeg", quality));
  }

  /** Stop the picture and take it. Returns whether there is one. */
  async #freeze() {
    if (!this.#video.videoWidth) {
      this.say(phrase("The camera is still starting; try again in a moment."));
      return false;
    }
    const mine = this.#stream;
    this.#video.pause(); // no frame comes until it goes on: the stage shows this one in the picked style
    const picture = await this.#grab(2048, 0.95);
    if (this.#stream !== mine) return false; // closed meanwhile
    this.#picture = picture;
    return true;
  }

  #thaw() {
    this.#picture = null;
    this.#video.play();
  }

  async #use() {
    const picture = this.#picture;
    this.stop();
    await this.shot(picture);
  }

  /**
   * One frame is on its way at any time: what the camera saw meanwhile is dropped, so that nothing can lag behind.
   * The size follows the machine: smaller frames where an answer takes long.
   */
  async #live(mine) {
    const times = [];
    while (this.#stream === mine && this.box.isConnected) {
      await this.#frame();
      if (document.hidden || !this.#video.videoWidth) {
        await pause(250);
        continue;
      }
      const begun = performance.now();
      if (!(await this.#exchange(mine).catch(() => pause(1000)))) continue;
      this.#side = nextSide(this.#side, performance.now() - begun);
      times.push(performance.now());
      if (times.length > 20) times.shift();
      if (times.length > 2)
        this.#rate.textContent = phrases(
          "{count} picture a second",
          "{count} pictures a second",
          Math.round(pace(times)),
        );
    }
    if (this.#stream === mine) this.stop(); // the panel was taken away, as when consent is withdrawn
  }

  #frame() {
    const video = this.#video;
    return new Promise((resolve) =>
      video.requestVideoFrameCallback ? video.requestVideoFrameCallback(resolve) : requestAnimationFrame(resolve),
    );
  }

  /** Send a frame, and hang its answer on the stage. Returns whether there was one. */
  async #exchange(mine) {
    const body = await this.#grab(this.#side, 0.85);
    const headers = { "X-Studio-Key": this.props.value?.key ?? "" };
    const answer = await fetch(address("frame"), { method: "POST", headers, body });
    if (answer.status === 403) {
      this.stop();
      this.say((await answer.json()).sentence);
      return false;
    }
    if (answer.status !== 200) {
      await pause(120);
      return false;
    }
    const picture = await answer.blob();
    if (this.#stream !== mine) return false;
    tellStage({ picture, mirrored: !this.#glass.classList.contains("away") });
    return true;
  }
}
