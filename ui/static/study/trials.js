// One question on a screen. The clock begins when all pictures are decoded and have been painted.
import { box, make, pause } from "../dom.js";
import { askUntilAnswered, pictureAddress, tell, words } from "./calls.js";
import { enlarge } from "./enlarged.js";
import { act, foot, heading, notice } from "./parts.js";

/** Time on this screen by the page's own clock, and how much of it the page was hidden. */
class Clock {
  #began = 0;
  #hiddenSince = 0;
  #hidden = 0;

  constructor(trial, elsewhere) {
    this.changed = async () => {
      const now = performance.now();
      if (document.hidden) this.#hiddenSince = now;
      else if (this.#hiddenSince) {
        this.#hidden += now - this.#hiddenSince;
        this.#hiddenSince = 0;
      }
      if (!(await tell(document.hidden ? "hidden" : "shown", trial))) elsewhere();
    };
    document.addEventListener("visibilitychange", this.changed);
  }

  begin() {
    this.#began = performance.now();
    this.#hidden = 0;
    if (document.hidden) this.#hiddenSince = this.#began;
  }

  get isRunning() {
    return this.#began > 0;
  }

  read() {
    const now = performance.now();
    return { rt_ms: now - this.#began, hidden_ms: this.#hidden, page_ms: now };
  }

  end() {
    document.removeEventListener("visibilitychange", this.changed);
  }
}

const LONGEST_PAUSE = 15_000;

export function trialScreen(screen, { paint, fail, elsewhere, onLeave }) {
  const { trial } = screen;
  const clock = new Clock(trial.key, elsewhere);
  const status = notice();
  const problem = notice("alert");
  const state = { value: "", time: null, by: "pointer", changes: -1 };
  const next = act(words("continue"), () => send(), { main: true, id: "next" });
  const choose = (value, by) => {
    if (!clock.isRunning) return;
    if (value !== state.value) state.changes += 1;
    Object.assign(state, { value, by, time: clock.read() });
    next.disabled = !value && !trial.optional;
  };
  const send = async () => {
    if (next.disabled) return;
    next.disabled = true;
    problem.say("");
    status.say(words("saving"));
    const now = clock.read();
    const body = { trial: trial.key, by: state.by, changes: Math.max(0, state.changes), ...(state.time ?? now) };
    body[trial.kind === "pair" ? "chosen" : "value"] = state.value;
    body.page_ms = now.page_ms;
    try {
      paint(await askUntilAnswered("answer", body, status.say));
    } catch (refused) {
      status.say("");
      next.disabled = false;
      if (!fail(refused)) problem.say(refused.message);
    }
  };
  const field = FIELDS[trial.kind](trial, choose);
  const larger = field.pictures.length ? enlarger(trial, field.pictures, { elsewhere, onLeave }) : null;
  const keys = (event) => pressed(event, { field, send, next, larger });
  document.addEventListener("keydown", keys);
  onLeave(() => {
    clock.end();
    document.removeEventListener("keydown", keys);
  });
  next.disabled = !trial.optional;
  whenPainted(field.pictures, status.say, () => {
    clock.begin();
    field.ready();
    if (larger) larger.disabled = false;
  });
  const count = make("p", "fine count", words("question", { number: trial.number, of: trial.of }));
  const keysHint = [field.keys, larger && words("keys-enlarge")].filter(Boolean).join(" · ");
  const below = foot(next, ...(larger ? [larger] : []), make("span", "fine keys", keysHint));
  return [count, ...field.nodes, problem.node, status.node, below];
}

/** The button that enlarges the portrait, or both of a pair; a tap on a portrait that is no answer does so, too. */
function enlarger(trial, pictures, tools) {
  const isPair = trial.kind === "pair";
  const names = isPair ? [trial.left, trial.right] : [trial.picture];
  const captions = isPair ? [words("pair-left"), words("pair-right")] : [""];
  const items = names.map((name, place) => ({
    shown: pictures[place].src,
    full: pictureAddress(name, { whole: true }),
    alt: pictures[place].alt,
    caption: captions[place],
  }));
  const button = act(words(isPair ? "enlarge-both" : "enlarge"), () => enlarge(items, trial.key, tools), {
    id: "enlarge",
  });
  button.disabled = true; // until the pictures are there
  if (!isPair) {
    pictures[0].addEventListener("click", () => {
      button.focus({ preventScroll: true }); // where the focus comes back to
      button.click();
    });
  }
  return button;
}

/** Keys choose as the pointer does; Enter goes on, except in a text of several lines; Z enlarges. */
function pressed(event, { field, send, next, larger }) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "Enter") {
    if (event.target.tagName === "TEXTAREA" || event.target.closest?.("#withdraw, #enlarge")) return;
    event.preventDefault();
    if (!next.disabled) send();
  } else if (!["INPUT", "TEXTAREA"].includes(event.target.tagName) || event.target.type === "radio") {
    if (field.key?.(event.key)) event.preventDefault();
    else if (event.key.toLowerCase() === "z") larger?.click();
  }
}

/** Once all pictures are decoded and painted; one that does not come is asked for again, for nobody rates a gap. */
async function whenPainted(pictures, say, then) {
  await Promise.all(pictures.map((picture) => decoded(picture, say)));
  requestAnimationFrame(() => requestAnimationFrame(then));
}

async function decoded(picture, say) {
  const address = picture.src;
  for (let round = 1; ; round += 1) {
    try {
      await picture.decode();
      if (round > 1) say("");
      return;
    } catch {
      say(words("picture-lost"));
      await pause(Math.min(LONGEST_PAUSE, 500 * 2 ** round));
      if (!picture.isConnected) return;
      picture.src = `${address}?${round}`;
    }
  }
}

function picture(name, alt) {
  return make("img", "portrait", "", { src: pictureAddress(name), alt, draggable: "false" });
}

/** Radio buttons, each a large target; the key that chose is told from the pointer. */
function radios(trial, values, choose) {
  let by = "pointer";
  const inputs = values.map(([value]) => make("input", "", "", { type: "radio", name: "answer", value }));
  const pick = (input, how) => {
    by = how;
    input.checked = true;
    input.focus({ preventScroll: true });
    choose(input.value, by);
  };
  const lines = values.map(([, content, className], place) => box("label", className, inputs[place], content));
  for (const [place, input] of inputs.entries()) {
    input.disabled = true; // until the pictures are there
    lines[place].addEventListener("pointerdown", () => {
      by = "pointer";
    });
    input.addEventListener("keydown", () => {
      by = "key";
    });
    input.addEventListener("change", () => choose(input.value, by));
  }
  const ready = () => {
    for (const input of inputs) input.disabled = false;
  };
  const set = box("fieldset", `answers ${trial.kind}`, box("legend", "", heading(trial.text)), ...lines);
  return { inputs, set, pick, ready };
}

const FIELDS = {
  likert(trial, choose) {
    const points = Array.from({ length: trial.points }, (_, place) => String(place + 1));
    const values = points.map((point) => [point, make("span", "", point), "point"]);
    const { inputs, set, pick, ready } = radios(trial, values, choose);
    inputs[0].setAttribute("aria-describedby", "low");
    inputs.at(-1).setAttribute("aria-describedby", "high");
    const ends = box(
      "div",
      "ends",
      make("span", "", trial.low, { id: "low" }),
      make("span", "", trial.high, { id: "high" }),
    );
    set.append(ends);
    const pictures = trial.picture ? [picture(trial.picture, words("rating-alt"))] : [];
    const key = (name) => {
      const at = inputs.findIndex((input) => input.checked);
      const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[name];
      const wanted = step
        ? Math.min(inputs.length - 1, Math.max(0, at + (at < 0 && step < 0 ? inputs.length : step)))
        : Number(name) - 1;
      if (!Number.isInteger(wanted) || !inputs[wanted] || inputs[wanted].disabled) return false;
      pick(inputs[wanted], "key");
      return true;
    };
    const told = words("keys-likert", { points: trial.points });
    return {
      nodes: [...pictures, set],
      pictures,
      key: trial.points <= 9 ? key : null,
      ready,
      keys: trial.points <= 9 ? told : "",
    };
  },

  pair(trial, choose) {
    const pictures = ["left", "right"].map((side) => picture(trial[side], words(`pair-alt-${side}`)));
    const values = ["left", "right"].map((side, place) => {
      return [side, box("span", "", pictures[place], make("span", "name", words(`pair-${side}`))), "side"];
    });
    const { inputs, set, pick, ready } = radios(trial, values, choose);
    const key = (name) => {
      const wanted = { ArrowLeft: 0, ArrowUp: 0, 1: 0, ArrowRight: 1, ArrowDown: 1, 2: 1 }[name];
      if (wanted === undefined || inputs[wanted].disabled) return false;
      pick(inputs[wanted], "key");
      return true;
    };
    return { nodes: [set], pictures, key, ready, keys: words("keys-pair") };
  },

  choice(trial, choose) {
    const values = trial.options.map(([value, text]) => [value, make("span", "", text), "option"]);
    const { inputs, set, pick, ready } = radios(trial, values, choose);
    const key = (name) => {
      const wanted = inputs[Number(name) - 1];
      if (!wanted || wanted.disabled) return false;
      pick(wanted, "key");
      return true;
    };
    return { nodes: [set], pictures: [], key, ready, keys: "" };
  },

  number(trial, choose) {
    const input = make("input", "line", "", {
      id: "value",
      inputmode: "decimal",
      autocomplete: "off",
      maxlength: "20",
    });
    const hint = trial.least !== null && trial.most !== null ? words("number-range", trial) : "";
    return typed(trial, input, hint, choose);
  },

  text(trial, choose) {
    const input = make("textarea", "line", "", { id: "value", rows: "4", maxlength: String(trial.most ?? 4000) });
    return typed(trial, input, trial.optional ? words("optional") : "", choose);
  },
};

function typed(trial, input, hint, choose) {
  input.disabled = true;
  input.addEventListener("input", () => choose(input.value.trim(), "key"));
  const ready = () => {
    input.disabled = false;
    input.focus({ preventScroll: true });
  };
  const label = box("label", "", heading(trial.text));
  label.setAttribute("for", "value");
  const pictures = trial.picture ? [picture(trial.picture, words("rating-alt"))] : [];
  return { nodes: [...pictures, label, make("p", "fine", hint), input], pictures, ready, keys: "" };
}
