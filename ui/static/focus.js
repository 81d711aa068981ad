// The keyboard's place on the page: when what had the focus goes away, what came in its stead gets it, and a Create that
// lacks something leads to it. Without scrolling, where nothing is missing.

const BAR = ["#done-download", "#create", "#cancel"];
const MISSING = ["#consent input:not(:checked)", "#photo-choose", "#photo-hints .blocking"];

const isThere = (node) => Boolean(node?.offsetParent) && !node.disabled;
const first = (selectors, root) => selectors.flatMap((one) => [...root.querySelectorAll(one)]).find(isThere);
const isLost = () => !document.activeElement || document.activeElement === document.body;
let last = null;

/** The focus goes to a node that has just come, if it went with another one, now or when Gradio has hidden that. */
export function settle(node) {
  for (const wait of [0, 300]) setTimeout(() => isLost() && isThere(node) && node.focus({ preventScroll: true }), wait);
}

document.addEventListener("focusin", (event) => {
  last = event.target;
});
document.addEventListener("pointerdown", (event) => {
  last = event.target; // a click beside everything gives the focus up
});

new MutationObserver(() => {
  const bar = isLost() && document.getElementById("create-bar");
  if (bar && last && (bar.contains(last) || BAR.includes(`#${last.id}`))) settle(first(BAR, bar));
}).observe(document.documentElement, { subtree: true, childList: true, attributeFilter: ["class", "hidden", "style"] });

document.addEventListener("click", (event) => {
  if (!event.target.closest?.("#create")) return;
  const missing = first(MISSING, document);
  if (!missing) return;
  if (!missing.matches("button, input")) missing.tabIndex = -1;
  missing.focus({ preventScroll: true });
  missing.scrollIntoView({ block: "center" });
});
