// Elements. Always textContent: words may come from a stranger's file.

export function make(tag, className, text, attributes = {}) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text) node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

export function button(id, className, text, onClick) {
  const node = make("button", className, text, { type: "button", id });
  node.addEventListener("click", onClick);
  return node;
}

/** A box with these in it. */
export function box(tag, className, ...children) {
  const node = make(tag, className);
  node.append(...children);
  return node;
}

export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
