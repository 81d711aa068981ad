// The words of the page in its language. English ones stand where they are said; the others come from the studio, once,
// before any widget is built, and only where the page is in another language (languages/).
import { address } from "./site.js";

/** What the page is written in: a code such as "de". */
export const LANGUAGE = globalThis.document?.querySelector("meta[name=studio-language]")?.content ?? "en";
const known = LANGUAGE === "en" ? {} : await fetchWords();
const rules = new Intl.PluralRules(LANGUAGE);

async function fetchWords() {
  try {
    const answer = await fetch(address(`words/${LANGUAGE}.json`));
    return answer.ok ? await answer.json() : {};
  } catch {
    return {}; // in English, then
  }
}

const fill = (form, values) => form.replace(/\{(\w+)\}/g, (hole, name) => values[name] ?? hole);

/** A sentence. `form` is English, with {holes} for `values`, and must be written out where it is said. */
export const phrase = (form, values = {}) => fill(known[form]?.[0] ?? form, values);

/** A sentence that counts: `one` is for one, `many` for others; both may hold {count}. */
export function phrases(one, many, count, values = {}) {
  const isOne = rules.select(count) === "one";
  const forms = known[one] ?? [one, many];
  return fill(isOne || forms.length === 1 ? forms[0] : forms.at(-1), { count, ...values });
}

/** A number with the signs of the language. */
export const inFigures = (number, digits = 0) =>
  number.toLocaleString(LANGUAGE, { minimumFractionDigits: digits, maximumFractionDigits: digits });
