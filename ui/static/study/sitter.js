// The participant's photo, from the camera or a file, and the wait for the portraits.
import { box, make, pause } from "../dom.js";
import { ask, start, words } from "./calls.js";
import { act, foot, heading, notice } from "./parts.js";

const LOOK_AGAIN = 1000; // milliseconds between two looks at how far the portraits are

export function photoScreen(screen, { paint, fail }) {
  const problem = notice("alert");
  const busy = notice();
  problem.say(screen.said ?? "");
  const send = async (blob) => {
    problem.say("");
    busy.say(words("photo-sending"));
    try {
      paint({ ...screen, said: "", ...(await ask("photo", blob, { raw: true })) });
    } catch (refused) {
      busy.say("");
      if (!fail(refused)) problem.say(refused.message);
    }
  };
  const file = make("input", "file", "", { type: "file", accept: "image/*,.heic,.heif,.avif", id: "photo-file" });
  file.setAttribute("aria-label", words("photo-file"));
  file.addEventListener("change", () => file.files[0] && send(file.files[0]));
  const choose = act(words(screen.photo.there ? "photo-again" : "photo-file"), () => file.click(), {
    id: "photo-choose",
  });
  const camera = makeCamera(send, problem, { main: !screen.photo.there });
  const head = [heading(words("photo-title")), make("p", "lead", words("photo-text"))];
  if (!screen.photo.there) {
    return [...head, camera.view, problem.node, busy.node, file, foot(camera.button, choose)];
  }
  const begin = act(words("photo-use"), () => startMaking({ paint, fail, problem }), {
    main: true,
    id: "photo-use",
  });
  begin.disabled = screen.photo.blocked;
  const answers = facesOf(screen, { paint, fail, problem });
  return [
    ...head,
    answers,
    hintsOf(screen.photo),
    camera.view,
    problem.node,
    busy.node,
    file,
    foot(begin, choose, camera.button),
  ];
}

async function startMaking({ paint, fail, problem }) {
  try {
    paint(await ask("portraits", {}));
  } catch (refused) {
    if (!fail(refused)) problem.say(refused.message);
  }
}

function hintsOf(photo) {
  const list = make("ul", "hints");
  const said = photo.faceless ? [words("photo-none")] : photo.hints;
  list.append(...said.map((hint) => make("li", "", hint)));
  list.hidden = said.length === 0;
  return list;
}

/** The photo, with a button over each face where it is open which one is meant. */
function facesOf(screen, { paint, fail, problem }) {
  const { photo } = screen;
  const change = async (body) => {
    try {
      paint({ ...screen, said: "", ...(await ask("sitter", body)) });
    } catch (refused) {
      if (!fail(refused)) problem.say(refused.message);
    }
  };
  const image = make("img", "", "", { src: `${start.base}/photo.jpg?${Date.now()}`, alt: words("photo-title") });
  const print = box("div", "print", image);
  photo.faces.forEach(([left, top, width, height], number) => {
    const one = act(`${number + 1}`, () => change({ face: number }));
    one.className = "face";
    one.setAttribute("aria-label", `${words("photo-face")} (${number + 1})`);
    Object.assign(one.style, { left: `${left}%`, top: `${top}%`, width: `${width}%`, height: `${height}%` });
    print.append(one);
  });
  const row = make("div", "row");
  if (photo.faces.length) row.append(make("p", "lead", words("photo-which")));
  if (photo.is_face) row.append(act(words("photo-face"), () => change({ face: 0 })));
  if (photo.turn) row.append(act(words("photo-turn"), () => change({ turn: photo.turn })));
  return box("div", "chosen", print, row);
}

function makeCamera(send, problem, { main }) {
  const video = make("video", "glass", "", { playsinline: "", muted: "", autoplay: "" });
  video.muted = true;
  video.hidden = true;
  let stream = null;
  const stop = () => {
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = null;
    video.hidden = true;
  };
  const shoot = () => {
    const canvas = make("canvas");
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    canvas.getContext("2d").drawImage(video, 0, 0);
    stop();
    canvas.toBlob((blob) => send(blob), "image/jpeg", 0.95);
  };
  const open = async () => {
    try {
      const wanted = { video: { facingMode: "user", width: { ideal: 1920 }, height: { ideal: 1440 } } };
      stream = await navigator.mediaDevices.getUserMedia(wanted);
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

export function makingScreen(screen, { paint, fail }) {
  const number = make("p", "lead");
  const step = make("p", "fine", "", { role: "status" });
  const bar = make("progress", "", "", { max: "1", "aria-label": words("portraits-title") });
  const show = ({ number: which, of, step: at, steps, ahead }) => {
    number.textContent = words("portraits-number", { number: Math.max(1, which), of });
    step.textContent = ahead
      ? words("portraits-wait", { ahead })
      : steps
        ? words("portraits-step", { step: at, of: steps })
        : "";
    bar.value = of ? (Math.max(0, which - 1) + (steps ? at / steps : 0)) / of : 0;
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
