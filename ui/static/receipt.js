// The receipt of a consent: read here, saved as the JSON that the server wrote. Nothing of it is kept in the browser.
import { box, button, make } from "./dom.js";

export function receipt({ element, props, watch }) {
  function paint() {
    const said = props.value;
    if (!said) return element.replaceChildren();
    const details = box(
      "details",
      "receipt",
      make("summary", "", said.withdrawn_at ? "Receipt: withdrawn" : "Your receipt"),
    );
    details.open = element.querySelector("details")?.open ?? false;
    const list = make("dl");
    for (const [name, value] of receiptRows(said)) list.append(make("dt", "", name), make("dd", "", value));
    details.append(
      list,
      button("receipt-save", "act quiet", "Download the receipt", () => save(said)),
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
export const clock = (iso, locale = undefined, timeZone = undefined) =>
  new Date(iso).toLocaleTimeString(locale, { timeStyle: "short", timeZone });

const time = (iso) => `${iso.slice(0, 16).replace("T", ", ")} UTC`;

/** Its rows, each a name and a value; what did not happen has none. */
export function receiptRows(said) {
  const allowed = said.withdrawn_at ? "Was allowed" : "Allowed";
  return [
    ["Number", said.id],
    ["Given", time(said.granted_at)],
    ...(said.changed_at ? [["Changed", time(said.changed_at)]] : []),
    ...(said.withdrawn_at ? [["Withdrawn", time(said.withdrawn_at)]] : []),
    ...said.purposes.map((purpose, index) => [index ? "" : allowed, purpose.label]),
    ["Run by", said.operator],
    ["Text", `version ${said.text_version}, SHA-256 ${said.text_sha256.slice(0, 16)} …`],
  ];
}
