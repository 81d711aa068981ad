// The receipt of a consent: read here, saved as the JSON that the server wrote. Nothing of it is kept in the browser.
const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text) node.textContent = text;
  return node;
};
const time = (iso) => iso.slice(0, 16).replace("T", ", ") + " UTC";

function save(receipt) {
  const link = make("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(receipt, null, 2) + "\n"], { type: "application/json" }));
  link.download = `consent-receipt-${receipt.id.slice(0, 8)}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function paint() {
  const receipt = props.value;
  if (!receipt) return element.replaceChildren();
  const open = element.querySelector("details")?.open ?? false;
  const box = make("details", "receipt");
  box.open = open;
  box.append(make("summary", "", receipt.withdrawn_at ? "Receipt: withdrawn" : "Your receipt"));
  const list = make("dl");
  const rows = [
    ["Number", receipt.id],
    ["Given", time(receipt.granted_at)],
    ...(receipt.changed_at ? [["Changed", time(receipt.changed_at)]] : []),
    ...(receipt.withdrawn_at ? [["Withdrawn", time(receipt.withdrawn_at)]] : []),
    ...receipt.purposes.map((purpose, index) => [index ? "" : receipt.withdrawn_at ? "Was allowed" : "Allowed", purpose.label]),
    ["Run by", receipt.operator],
    ["Text", `version ${receipt.text_version}, SHA-256 ${receipt.text_sha256.slice(0, 16)} …`],
  ];
  for (const [name, value] of rows) list.append(make("dt", "", name), make("dd", "", value));
  const button = make("button", "act quiet", "Download the receipt");
  button.type = "button";
  button.id = "receipt-save";
  button.addEventListener("click", () => save(receipt));
  box.append(list, button);
  element.replaceChildren(box);
}

paint();
watch("value", paint);
