// The page's own scripts, one module for each widget. A gr.HTML holds one line that calls one of these functions with
// what Gradio gives it: `element`, `props`, `trigger` and `watch` (ui/widgets.py).
import "./drop.js";
import "./focus.js";

// Only whoever opens the Board tab, or has a style to change, needs these.
export const board = (given) => import("./board.js").then((module) => module.board(given));
export const styleEditor = (given) => import("./style_editor.js").then((module) => module.styleEditor(given));
export { agreed } from "./agreed.js";
export { check } from "./check.js";
export { done } from "./done.js";
export { handover } from "./handover.js";
export { kiosk } from "./kiosk.js";
export { languages } from "./language.js";
export { returning } from "./page_key.js";
export { photo } from "./photo.js";
export { picker } from "./picker.js";
export { receipt } from "./receipt.js";
export { results } from "./results.js";
export { search } from "./search.js";
export { stage } from "./stage.js";
export { stylePicture } from "./style_picture.js";
