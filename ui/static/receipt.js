// The receipt of a consent: read here, saved as the JSON that the server wrote. Nothing of it is kept in the browser.

import { box, button, make } from "./dom.js";
import { LANGUAGE, phrase } from "./phrases.js";

export function receipt({ element, props, watch }) {
  function paint() {
    const said = props.value;
    if (!said) return element.replaceChildren();
    const details = box(
      "details",
      "receipt",
      make("summary", "", said.withdrawn_at ? phrase("Receipt: withdrawn") : phrase("Your receipt")),
    );
    details.open = element.querySelector("details")?.open ?? false;
    const list = make("dl");
    for (const [name, value] of receiptRows(said)) list.append(make("dt", "", name), make("dd", "", value));
    details.append(
      list,
      button("receipt-save", "act quiet", phrase("Download the receipt"), () => save(said)),
    );
    element.replaceChildren(details);
  }

  paint();
  watch("value", paint);
}

function save(said) {
  const link = make("a");
  link.href = URL.createObjectURL(new Blob([`${JSON.stringify(said, null, 2)}\n`], { type: "application/json" }));
  link.download = `consent-receipt-${said.id.slice(0, 8)}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** A time as the visitor's clock says it: "19:45". */
const locale = globalThis.navigator?.languages?.find((one) => one.startsWith(LANGUAGE)) ?? LANGUAGE;

export const clock = (iso, where = locale, timeZone = undefined) =>
  new Date(iso).toLocaleTimeString(where, { timeStyle: "short", timeZone });

const time = (iso) => `${iso.slice(0, 16).replace("T", ", ")} UTC`;

/** Its rows, each a name and a value; what did not happen has none. */
export function receiptRows(said) {
  // Translators: on a receipt: what was allowed
  const allowed = said.withdrawn_at ? phrase("Was allowed") : phrase("Allowed");
  return [
    // Translators: on a receipt: its number
    [phrase("Number"), said.id],
    // Translators: on a receipt: when consent was given
    [phrase("Given"), time(said.granted_at)],
    // Translators: on a receipt: when the consent was changed
    ...(said.changed_at ? [[phrase("Changed"), time(said.changed_at)]] : []),
    // Translators: on a receipt: when the consent was withdrawn
    ...(said.withdrawn_at ? [[phrase("Withdrawn"), time(said.withdrawn_at)]] : []),
    ...said.purposes.map((purpose, index) => [index ? "" : allowed, purpose.label]),
    // Translators: on a receipt: who runs the studio
    [phrase("Run by"), said.operator],
    [
      // Translators: on a receipt: which text was agreed to
      phrase("Text"),
      phrase("version {version}, SHA-256 {digest} …", {
        version: said.text_version,
        digest: said.text_sha256.slice(0, 16),
      }),
    ],
  ];
}
