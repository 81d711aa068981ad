// A participant's page: which screen is shown, and the frame around it. What comes next is the server's word.
import { box, make } from "../dom.js";
import { againScreen, codeScreen, consentScreen, informationScreen } from "./beginning.js";
import { ask, askUntilAnswered, start, words } from "./calls.js";
import { endScreen, plainScreen, withdrawalScreen } from "./ending.js";
import { act, askToWithdraw, foot } from "./parts.js";
import { makingScreen, photoScreen } from "./sitter.js";
import { trialScreen } from "./trials.js";

const root = document.getElementById("study");
const title = make("span", "title", start.title ?? "");
const bar = make("progress", "way", "", { max: "1", value: "0", "aria-label": start.title ?? "" });
const withdraw = act(words("withdraw"), () => leave(), { id: "withdraw" });
const main = make("main", "", "", { "aria-live": "off" });
let isOver = false;
const leaving = []; // what the screen that is shown has to put away: its camera, its keys, its clock

function frame() {
  root.replaceChildren(box("header", "", title, withdraw, bar), main);
  withdraw.hidden = true;
  bar.hidden = true;
}

/** Put the last screen away, show what `build` makes, and put the focus on its heading, so that it is read. */
function show(build) {
  for (const putAway of leaving.splice(0)) putAway();
  main.replaceChildren(...build());
  window.scrollTo(0, 0);
  main.querySelector("h1")?.focus({ preventScroll: true });
}

function over(nodes) {
  isOver = true;
  withdraw.hidden = true;
  bar.hidden = true;
  show(() => nodes);
}

/** Another tab has taken over. Where nothing is lost by it, this one can take over again: the other may be closed now. */
function elsewhere() {
  const parts = plainScreen(words("elsewhere-title"), words("elsewhere-text"));
  if (start.resume === "resume")
    parts.push(foot(act(words("elsewhere-here"), () => location.reload(), { id: "here" })));
  over(parts);
}

/** What the server refuses for good ends the page. Answers whether it did. */
function fail(refused) {
  if (refused.status === 409) elsewhere();
  else if (refused.status === 410 || refused.status === 403) over(plainScreen(words("closed-title"), refused.message));
  else return false;
  return true;
}

function paint(screen) {
  if (isOver) return;
  withdraw.hidden = !screen.agreed;
  bar.hidden = false;
  title.classList.toggle("said", screen.task === "information");
  const [done, all] = screen.progress;
  bar.value = done / all;
  const tools = { paint, fail, elsewhere, onLeave: (putAway) => leaving.push(putAway) };
  if (screen.again) show(() => againScreen(screen, () => paint({ ...screen, again: undefined })));
  else if (screen.trial) show(() => trialScreen(screen, tools));
  else if (screen.task === "information") show(() => informationScreen(screen, () => askForConsent(screen)));
  else if (screen.task === "photo") show(() => photoScreen(screen, tools));
  else if (screen.task === "portraits") show(() => makingScreen(screen, tools));
  else show(() => endScreen(screen));
}

function askForConsent(screen) {
  title.classList.remove("said");
  const agree = async (purposes, say) => {
    try {
      paint(await ask("consent", { purposes, sha256: screen.consent.sha256 }));
    } catch (refused) {
      if (!fail(refused)) say(refused.message);
    }
  };
  const decline = async (say) => {
    try {
      const said = await ask("decline", {});
      over(plainScreen(words("declined-title"), words("declined-text"), said.return));
    } catch (refused) {
      if (!fail(refused)) say(refused.message);
    }
  };
  show(() => consentScreen(screen, { agree, decline }));
}

async function leave() {
  if (!(await askToWithdraw())) return;
  withdraw.disabled = true;
  try {
    await askUntilAnswered("withdraw", {}, () => undefined);
    over(plainScreen(words("withdrawn-title"), words("withdrawn-text")));
  } catch (refused) {
    if (!fail(refused)) withdraw.disabled = false;
  }
}

async function begin() {
  frame();
  if (start.page === "closed") return over(plainScreen(words("closed-title"), start.sentence));
  if (start.page === "code") return show(codeScreen);
  if (start.page === "withdraw") return show(() => withdrawalScreen(over));
  try {
    paint(
      await askUntilAnswered("enter", { language: start.language }, (text) => {
        if (text) main.replaceChildren(make("p", "notice", text, { role: "status" }));
      }),
    );
  } catch (refused) {
    if (!fail(refused)) over(plainScreen(words("closed-title"), refused.message));
  }
}

begin();
