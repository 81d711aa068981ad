// The operator's page of models: follows downloads. The server writes all words; this puts them into the page.
const [OFTEN, SELDOM] = [1000, 5000]; // milliseconds between looks, with a download at work and without
const list = document.getElementById("cards");
const said = document.getElementById("said");
document.documentElement.classList.add("js");

const isAtWork = () => list.querySelector('[data-at-work="yes"]') !== null;

/** Put the numbers of a fresh card into the one that is shown. */
function refresh(shown, fresh) {
  for (const now of fresh.querySelectorAll("[data-live]")) {
    const before = shown.querySelector(`#${CSS.escape(now.id)}`);
    if (before === null) continue;
    if (before.tagName === "PROGRESS") before.value = now.value;
    else if (before.textContent !== now.textContent) before.textContent = now.textContent;
  }
  shown.dataset.atWork = fresh.dataset.atWork;
}

/** Show a fresh card in the place of another; what was open or ticked stays so, and the focus where it was. */
function replace(shown, fresh) {
  const focused = shown.contains(document.activeElement) ? document.activeElement : null;
  for (const open of shown.querySelectorAll("details[open]")) {
    const same = fresh.querySelector(`#${CSS.escape(open.id)}`);
    if (same !== null) same.open = true;
  }
  for (const ticked of shown.querySelectorAll("input:checked")) {
    const same = fresh.querySelector(`#${CSS.escape(ticked.id)}`);
    if (same !== null) same.checked = true;
  }
  shown.replaceWith(fresh);
  said.textContent = fresh.dataset.said;
  if (focused === null) return;
  const same = focused.id ? fresh.querySelector(`#${CSS.escape(focused.id)}`) : null;
  (same ?? fresh.querySelector("button, summary"))?.focus({ preventScroll: true });
}

async function look() {
  const answer = await fetch(list.dataset.address, { headers: { Accept: "text/html" } });
  if (answer.status === 403) {
    location.reload(); // signed out meanwhile: the sign-in says so
    return;
  }
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const fresh of page.querySelectorAll(".model")) {
    const shown = document.getElementById(fresh.id);
    if (shown === null) continue;
    if (shown.dataset.shape === fresh.dataset.shape) refresh(shown, fresh);
    else replace(shown, fresh);
  }
}

async function follow() {
  if (!document.hidden) await look().catch(() => undefined); // the studio restarts, or the line is cut: the next look tells
  setTimeout(follow, isAtWork() ? OFTEN : SELDOM);
}

setTimeout(follow, isAtWork() ? OFTEN : SELDOM);
