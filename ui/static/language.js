// The page's language, which the server has chosen (web/open_graph.py), and the visitor's own choice. Gradio names the
// page after the browser's language, and a screen reader would believe that.
import { make } from "./dom.js";
import { LANGUAGE } from "./phrases.js";
import { staying } from "./unsaved.js";

const NAME = "studio_language";
const YEAR_S = 365 * 24 * 3600;
const page = document.documentElement;

const name = () => {
  if (page.lang !== LANGUAGE) page.lang = LANGUAGE;
};

name();
new MutationObserver(name).observe(page, { attributeFilter: ["lang"] });

/** What the next page is in: two letters in a cookie. In another site's frame a browser keeps only what is marked so. */
function keep(code, seconds) {
  const rule = location.protocol === "https:" ? "SameSite=None; Secure; Partitioned" : "SameSite=Lax";
  // biome-ignore lint/suspicious/noDocumentCookie: the other way is not in all browsers yet
  document.cookie = `${NAME}=${code}; Path=/; Max-Age=${seconds}; ${rule}`;
}

/** The next visitor at a kiosk is asked in the browser's own language again. */
export const forgetLanguage = () => keep("", 0);

/** A small list of languages, each by its own name. The page comes anew; the visit goes on, where it outlives that. */
export function languages({ element, props }) {
  const list = make("select", "", "", { id: "language", "aria-label": props.label });
  for (const [code, own] of props.names) list.append(make("option", "", own, { value: code, lang: code }));
  list.value = LANGUAGE;
  list.addEventListener("change", () => {
    keep(list.value, YEAR_S);
    if (props.keeps) staying();
    location.reload();
  });
  element.replaceChildren(list);
}
