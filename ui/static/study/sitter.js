// The participant's photo, from the camera or a file, who sits in it, and the wait for the portraits.
import { box, make, pause } from "../dom.js";
import { Faces } from "../faces.js";
import { Marking } from "../marking.js";
import { phrase } from "../phrases.js";
import { ask, start, words } from "./calls.js";
import { act, foot, heading, notice } from "./parts.js";

const LOOK_AGAIN = 1000; // milliseconds between two looks at how far the portraits are

export function photoScreen(screen, { paint, fail, onLeave }) {
  const { photo } = screen;
  const problem = notice("alert");
  const busy = notice();
  problem.say(screen.said ?? "");
  /** Ask for something; what comes is the next screen. */
  const change = async (name, body, options) => {
    problem.say("");
    try {
      paint({ ...screen, said: "", ...(await ask(name, body, options)) });
    } catch (refused) {
      busy.say("");
      if (!fail(refused)) problem.say(refused.message);
    }
  };
  const send = (blob) => {
    busy.say(words("photo-sending"));
    return change("photo", blob, { raw: true });
  };
  const file = make("input", "file", "", { type: "file", accept: "image/*,.heic,.heif,.avif", id: "photo-file" });
  file.setAttribute("aria-label", words("photo-file"));
  file.addEventListener("change", () => file.files[0] && send(file.files[0]));
  const choose = act(words(photo.there ? "photo-again" : "photo-file"), () => file.click(), { id: "photo-choose" });
  const camera = makeCamera(send, problem, { main: !photo.there, onLeave });
  const title = heading(words("photo-title"));
  const head = [title, make("p", "lead", words("photo-text"))];
  if (!photo.there) return [...head, camera.view, problem.node, busy.node, file, foot(camera.button, choose)];
  title.setAttribute("aria-describedby", "photo-hints"); // read out when the screen comes
  const begin = act(words("photo-use"), () => change("portraits", {}), { main: true, id: "photo-use" });
  begin.disabled = photo.blocked;
  const below = foot(begin, choose, camera.button);
  const sitter = sitterOf(photo, (body) => change("sitter", body), below);
  return [...head, sitter, camera.view, problem.node, busy.node, file, below];
}

/** The photo with its faces and hints; where something is open, buttons to turn it and to mark the face by hand. */
function sitterOf(photo, change, below) {
  const image = make("img", "", "", { src: `${start.base}/photo.jpg?${Date.now()}`, alt: words("photo-alt") });
  const faces = new Faces((face) => change({ face }));
  faces.show(photo.faces, photo.face);
  const print = box("div", "print", image, faces.node);
  const hints = make("ul", "hints", "", { id: "photo-hints" });
  hints.append(...photo.hints.map(([hint, blocking]) => make("li", blocking ? "blocking" : "", hint)));
  const row = make("div", "row");
  const marking = new Marking(print, image, {
    toggled: (isOn) => {
      root.classList.toggle("by-hand", isOn);
      for (const one of [row, hints, below]) one.hidden = isOn;
    },
    marked: (mark) => change({ mark }),
  });
  const root = box("div", "chosen", print, hints, marking.box, row);
  if (photo.turn) row.append(act(phrase("Set it upright"), () => change({ turn: photo.turn }), { id: "turn-upright" }));
  if (photo.asked) row.append(act(phrase("Yes, this is a face"), () => change({ face: 0 }), { id: "photo-yes" }));
  if (photo.blocked || photo.faces.length) {
    const left = act(phrase("Turn left"), () => change({ turn: 270 }), { id: "turn-left" });
    const right = act(phrase("Turn right"), () => change({ turn: 90 }), { id: "turn-right" });
    for (const one of [left, right]) one.classList.add("quiet");
    row.append(left, right, marking.opener);
  }
  return root;
}

function makeCamera(send, problem, { main, onLeave }) {
  const video = make("video", "glass", "", { playsinline: "", muted: "", autoplay: "" });
  video.muted = true;
  video.hidden = true;
  let stream = null;
  const stop = () => {
    release(stream);
    stream = null;
    video.hidden = true;
  };
  onLeave(stop);
  const shoot = () => {
    const canvas = make("canvas");
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    if (!canvas.width) return; // no picture has come yet
    canvas.getContext("2d").drawImage(video, 0, 0);
    stop();
    canvas.toBlob((blob) => send(blob), "image/jpeg", 0.95);
  };
  const open = async () => {
    try {
      const wanted = { video: { facingMode: "user", width: { ideal: 1920 }, height: { ideal: 1440 } } };
      const opened = await navigator.mediaDevices.getUserMedia(wanted);
      if (stream || !video.isConnected) return release(opened); // pressed twice, or the screen has gone meanwhile
      stream = opened;
      video.srcObject = stream;
      video.hidden = false;
      await video.play();
      button.textContent = words("photo-take");
    } catch {
      problem.say(words("photo-no-camera"));
    }
  };
  const button = act(words("photo-camera"), () => (stream ? shoot() : open()), { main, id: "photo-camera" });
  return { view: video, button };
}

function release(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

function whatNow({ step, steps, ahead, of }) {
  if (ahead) return words("portraits-wait", { ahead });
  if (step) return words("portraits-step", { step, of: steps });
  return of ? words("portraits-begin") : "";
}

function left({ left: seconds }) {
  if (seconds === null || seconds === undefined) return "";
  return seconds < 60 ? words("portraits-soon") : words("portraits-minutes", { minutes: Math.round(seconds / 60) });
}

export function makingScreen(screen, { paint, fail }) {
  const number = make("p", "lead");
  const step = make("p", "fine", "", { role: "status" });
  const bar = make("progress", "", "", { max: "1", "aria-label": words("portraits-title") });
  const show = (making) => {
    const { number: which, of, step: at, steps } = making;
    number.textContent = of ? words("portraits-number", { number: Math.max(1, which), of }) : words("portraits-begin");
    step.textContent = [whatNow(making), left(making)].filter(Boolean).join(" · ");
    if (which > 1 || at) bar.value = (Math.max(0, which - 1) + (steps ? at / steps : 0)) / of;
    else bar.removeAttribute("value"); // it moves by itself, so that a wait is no standstill
  };
  show(screen.making);
  const root = box("div", "making", number, bar, step);
  follow(root, show, { paint, fail });
  const stop = act(words("portraits-stop"), () => ask("portraits", { stop: true }).catch(fail), {
    id: "portraits-stop",
  });
  return [heading(words("portraits-title")), make("p", "lead", words("portraits-text")), root, foot(stop)];
}

/** Look again and again, as long as this screen is shown, until there is another one. */
async function follow(root, show, { paint, fail }) {
  for (;;) {
    await pause(LOOK_AGAIN);
    if (!root.isConnected) return;
    try {
      const screen = await ask("progress", undefined, { method: "GET" });
      if (!root.isConnected) return;
      if (screen.task !== "portraits") return paint(screen);
      show(screen.making);
    } catch (refused) {
      if (fail(refused)) return;
    }
  }
}
