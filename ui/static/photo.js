// The photo: chosen, dropped, pasted or taken with the camera; turned; faces to click or to mark; hints.
// Runs as gr.HTML's js_on_load. The photo goes to the studio's own route as a raw body and from there to memory: it is
// never a file on the server. The camera is mirrored on the screen only, never in the pixels.
const LIMIT = 40 * 1024 * 1024;
const address = (path) => new URL((window.gradio_config?.root ?? "").replace(/\/$/, "") + "/studio/" + path, location.href).pathname;
const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text) node.textContent = text;
  return node;
};
const button = (id, className, text, onClick) => {
  const node = make("button", className, text);
  node.id = id;
  node.type = "button";
  node.addEventListener("click", onClick);
  return node;
};

const root = make("div", "photo");
const problem = make("p", "notice alert");
problem.id = "photo-problem";
problem.setAttribute("role", "alert");
const busy = make("p", "notice status");
busy.setAttribute("role", "status");

// --- choose ---
const empty = make("div", "drop");
const input = make("input", "file");
input.type = "file";
input.id = "photo-file";
input.accept = "image/*,.heic,.heif,.avif";
input.tabIndex = -1;
input.setAttribute("aria-label", "Photo file");
const choose = button("photo-choose", "act", "Choose a photo", () => input.click());
const open = button("camera-open", "act", "Use the camera", () => startCamera());
const row = make("div", "row");
row.append(choose, open);
empty.append(make("p", "lead", "A face looking at you, light from the front."), row, input, make("p", "fine", "Or drop or paste a picture here. JPEG, PNG, WebP, HEIC or AVIF, up to 40 MB."));

// --- camera ---
empty.append(make("p", "fine leave", "Use your own photo, or one of somebody who has agreed to it."));

const camera = make("div", "camera");
const video = make("video");
video.muted = true;
video.playsInline = true;
video.setAttribute("aria-label", "Your camera, as a mirror");
const rate = make("span", "rate");
rate.id = "camera-rate";
rate.setAttribute("aria-hidden", "true");
const glass = make("div", "glass");
glass.append(video, rate);
const take = button("camera-take", "act main", "Take the photo", () => shoot());
const flip = button("camera-switch", "act quiet", "Other camera", () => nextCamera());
const stop = button("camera-close", "act quiet", "Close camera", () => { stopCamera(); open.focus(); });
const cameraRow = make("div", "row");
cameraRow.append(take, flip, stop);
camera.append(glass, cameraRow);

// --- chosen ---
const chosen = make("div", "chosen");
const print = make("div", "print");
const image = make("img");
image.id = "photo-image";
image.alt = "Your photo, as it was received";
const faces = make("div", "faces");
faces.setAttribute("role", "group");
faces.setAttribute("aria-label", "Faces in the photo. Choose the one that is you.");
print.append(image, faces);
const hints = make("ul", "hints");
hints.id = "photo-hints";
hints.setAttribute("aria-live", "polite");
const again = button("photo-change", "act quiet", "Another photo", () => input.click());
const camAgain = button("camera-again", "act quiet", "Camera", () => startCamera());
const remove = button("photo-remove", "act quiet", "Remove", () => trigger("removed", { asked: ask() }));
const left = button("turn-left", "act quiet", "Turn left", () => trigger("turned", { degrees: 270 }));
const right = button("turn-right", "act quiet", "Turn right", () => trigger("turned", { degrees: 90 }));
const upright = button("turn-upright", "act", "Set it upright", () => trigger("turned", { degrees: props.value.photo.turn }));
const yes = button("photo-yes", "act", "Yes, this is a face", () => trigger("face", { index: 0 }));
const mark = button("photo-mark", "act quiet", "Mark my face", () => startMarking());
const anyway = button("photo-anyway", "act quiet", "Use it without a face", () => trigger("anyway"));
const chosenRow = make("div", "row");
chosenRow.append(upright, yes, again, camAgain, left, right, mark, anyway, remove);

// --- marking a face by hand: a tap says where, sliders say so by keyboard, too ---
const marking = make("div", "marking");
const spot = make("div", "spot");
print.append(spot);
const slider = (id, text, value, least) => {
  const label = make("label", "", text);
  const range = make("input");
  Object.assign(range, { id, type: "range", min: least, max: 100, step: 0.5, value });
  range.addEventListener("input", () => paintSpot());
  label.append(range);
  return { label, range };
};
const across = slider("mark-across", "Across", 50, 0), down = slider("mark-down", "Down", 50, 0), size = slider("mark-size", "Size", 25, 2);
const done = button("mark-done", "act main", "This is my face", () => {
  const at = { x: +across.range.value, y: +down.range.value, size: +size.range.value };
  stopMarking();
  mark.focus();
  trigger("marked", at);
});
const markRow = make("div", "row");
markRow.append(done, button("mark-cancel", "act quiet", "Cancel", () => { stopMarking(); mark.focus(); }));
marking.append(make("p", "fine", "Tap the middle of your face in the photo, then make the frame as large as your face."), across.label, down.label, size.label, markRow);
marking.hidden = true;
print.addEventListener("click", (event) => {
  if (marking.hidden) return;
  const box = image.getBoundingClientRect();
  across.range.value = 100 * (event.clientX - box.left) / box.width;
  down.range.value = 100 * (event.clientY - box.top) / box.height;
  paintSpot();
});

function paintSpot() {
  Object.assign(spot.style, { left: across.range.value + "%", top: down.range.value + "%", width: size.range.value + "%" });
}

function startMarking() {
  chosen.classList.add("by-hand");
  marking.hidden = false;
  chosenRow.hidden = hints.hidden = true;
  paintSpot();
  across.range.focus();
}

function stopMarking() {
  chosen.classList.remove("by-hand");
  marking.hidden = true;
  chosenRow.hidden = hints.hidden = false;
}

chosen.append(print, hints, marking, chosenRow);

root.append(empty, camera, chosen, busy, problem);
element.replaceChildren(root);

let stream = null;
let device = 0;
let side = 384;

const say = (text) => { problem.textContent = text ?? ""; };
const work = (text) => { busy.textContent = text ?? ""; };

function paint() {
  const photo = props.value?.photo;
  empty.hidden = Boolean(stream || photo);
  camera.hidden = !stream;
  chosen.hidden = Boolean(stream) || !photo;
  if (!photo) { image.removeAttribute("src"); faces.replaceChildren(); return; }
  if (image.src !== photo.src) { image.src = photo.src; stopMarking(); }
  anyway.hidden = !photo.faceless;
  yes.hidden = !photo.asked;
  upright.hidden = !photo.turn;
  faces.replaceChildren(...photo.faces.map((face, index) => {
    const box = button(`face-${index + 1}`, "face", String(index + 1), () => trigger("face", { index }));
    Object.assign(box.style, { left: face[0] + "%", top: face[1] + "%", width: face[2] + "%", height: face[3] + "%" });
    box.setAttribute("aria-pressed", String(index === photo.face));
    box.setAttribute("aria-label", `Face ${index + 1} of ${photo.faces.length}`);
    return box;
  }));
  hints.replaceChildren(...photo.hints.map(([text, blocking]) => make("li", blocking ? "blocking" : "", text)));
}

// Each photo and each Remove has a number; only the last one asked for counts, whichever arrives first. The number is
// told to the server, too: a proxy may hold a slow photo back and hand it over after a later one.
let asked = 0;
let onItsWay = null;
function ask() {
  onItsWay?.abort();
  onItsWay = null;
  say("");
  work("");
  asked = Math.max(asked, props.value?.number ?? 0) + 1; // a page that was built anew in the same visit goes on counting
  return asked;
}
const isReadable = (blob) => blob.slice(0, 1).arrayBuffer().then(() => true, () => false);

async function send(blob) {
  const mine = ask();
  if (!blob.size) return say("This file is empty; choose another one.");
  if (blob.size > LIMIT) return say("This file is larger than 40 MB; choose a smaller one.");
  work("Looking at your photo …");
  const stopping = onItsWay = new AbortController();
  const problemOf = async () => {
    if (!(await isReadable(blob))) return "This cannot be read: it may be a folder, or a file that has gone. Choose a picture.";
    const headers = { "X-Studio-Key": props.value?.key ?? "", "X-Studio-Asked": String(mine) };
    const answer = await fetch(address("photo"), { method: "POST", headers, body: blob, signal: stopping.signal });
    if (answer.ok) return "";
    return (await answer.json().catch(() => ({}))).sentence ?? "The photo could not be taken in; try again.";
  };
  const text = await problemOf().catch(() => "The studio does not answer; check your connection and try again.");
  if (mine !== asked) return; // whatever became of it, another one was asked for since
  work("");
  if (text) say(text);
  else trigger("arrived");
}

input.addEventListener("change", () => {
  const [file] = input.files;
  input.value = ""; // the same file may be chosen again
  if (file) { stopCamera(); send(file); }
});
for (const name of ["dragover", "dragenter"]) root.addEventListener(name, (event) => { event.preventDefault(); root.classList.add("over"); });
for (const name of ["dragleave", "drop"]) root.addEventListener(name, () => root.classList.remove("over"));
function taken(file) {
  if (!file) {
    say("That was a link or text, not a picture; save the picture and drop its file here.");
    return problem.scrollIntoView({ block: "center" }); // it may have been dropped far from here
  }
  stopCamera();
  send(file);
}
root.addEventListener("drop", (event) => { event.preventDefault(); taken(event.dataTransfer.files[0]); });
function dropped(event) {
  if (!root.isConnected) return window.removeEventListener("studio:dropped", dropped);
  if (root.offsetParent) taken(event.detail); // otherwise another tab is open
}
window.addEventListener("studio:dropped", dropped);
function pasted(event) {
  if (!root.isConnected) return document.removeEventListener("paste", pasted);
  if (!root.offsetParent) return; // another tab is open, and pasting means that one
  const file = [...(event.clipboardData?.files ?? [])].find((one) => one.type.startsWith("image/"));
  if (file) { stopCamera(); send(file); }
}
document.addEventListener("paste", pasted);

// --- camera ---
const REFUSALS = {
  NotAllowedError: "The browser may not use the camera; allow it beside the address bar, or choose a photo.",
  NotFoundError: "No camera was found; connect one, or choose a photo.",
  OverconstrainedError: "No camera was found; connect one, or choose a photo.",
  NotReadableError: "The camera is in use by another program; close that one, or choose a photo.",
};

async function startCamera() {
  say("");
  if (!window.isSecureContext || !navigator.mediaDevices?.getUserMedia) {
    return say("Browsers give the camera only to secure pages (https, or this computer's own); choose a photo instead.");
  }
  open.disabled = camAgain.disabled = true;
  try {
    const cameras = (await navigator.mediaDevices.enumerateDevices()).filter((one) => one.kind === "videoinput");
    const wanted = cameras[device % Math.max(1, cameras.length)]?.deviceId;
    const size = { width: { ideal: 1280 }, height: { ideal: 960 } };
    stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: device && wanted ? { deviceId: wanted, ...size } : { facingMode: "user", ...size } });
    flip.hidden = cameras.length < 2;
    video.srcObject = stream;
    const track = stream.getVideoTracks()[0];
    glass.classList.toggle("away", track.getSettings().facingMode === "environment");
    track.addEventListener("ended", () => { stopCamera(); say("The camera was unplugged; connect it, or choose a photo."); });
    paint();
    await video.play();
    take.focus({ preventScroll: true });
    if (innerWidth <= 900) root.closest(".card")?.scrollIntoView({ block: "start", behavior: "smooth" }); // mirror and portrait both in sight
    live(stream);
  } catch (error) {
    stopCamera();
    say(REFUSALS[error.name] ?? "The camera does not start; choose a photo instead.");
  } finally {
    open.disabled = camAgain.disabled = false;
  }
}

function stopCamera() {
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = null;
  video.srcObject = null;
  window.dispatchEvent(new CustomEvent("studio:live", { detail: null }));
  paint();
}

async function nextCamera() {
  device += 1;
  stopCamera();
  await startCamera();
}

const canvas = document.createElement("canvas");
function grab(longest, type, quality) {
  const scale = Math.min(1, longest / Math.max(video.videoWidth, video.videoHeight));
  canvas.width = Math.round(video.videoWidth * scale);
  canvas.height = Math.round(video.videoHeight * scale);
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, type, quality));
}

async function shoot() {
  if (!video.videoWidth) return say("The camera is still starting; try again in a moment.");
  const shot = await grab(2048, "image/jpeg", 0.95);
  stopCamera();
  await send(shot);
}

// One frame is on its way at any time: what the camera saw meanwhile is dropped, so that nothing can lag behind.
// The size follows the machine: smaller frames where an answer takes long.
async function live(mine) {
  const times = [];
  while (stream === mine && root.isConnected) {
    await new Promise((resolve) => (video.requestVideoFrameCallback ?? requestAnimationFrame).call(video.requestVideoFrameCallback ? video : window, resolve));
    if (document.hidden || !video.videoWidth) { await new Promise((resolve) => setTimeout(resolve, 250)); continue; }
    const begun = performance.now();
    try {
      const blob = await grab(side, "image/jpeg", 0.85);
      const answer = await fetch(address("frame"), { method: "POST", headers: { "X-Studio-Key": props.value?.key ?? "" }, body: blob });
      if (answer.status === 403) { stopCamera(); say((await answer.json()).sentence); return; }
      if (answer.status !== 200) { await new Promise((resolve) => setTimeout(resolve, 120)); continue; }
      const picture = await answer.blob();
      if (stream !== mine) return;
      window.dispatchEvent(new CustomEvent("studio:live", { detail: { picture, mirrored: !glass.classList.contains("away") } }));
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      continue;
    }
    const took = performance.now() - begun;
    side = Math.round(Math.min(512, Math.max(224, side * (took > 170 ? 0.93 : took < 110 ? 1.04 : 1))));
    times.push(performance.now());
    while (times.length > 20) times.shift();
    if (times.length > 2) rate.textContent = `${((times.length - 1) / ((times.at(-1) - times[0]) / 1000)).toFixed(0)} pictures a second`;
  }
  if (stream === mine) stopCamera(); // the panel was taken away, as when consent is withdrawn
}

paint();
let painted = "null";
watch("value", () => {
  const photo = JSON.stringify(props.value?.photo ?? null);
  if (photo !== painted) say(""); // the same value may come late, after a sentence about something newer
  painted = photo;
  paint();
});
