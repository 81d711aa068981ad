// What the scripts of ui/static work out without a page; run by test_scripts.py. The rest is tested in a browser.
import assert from "node:assert/strict";
import { test } from "node:test";
import { isPicture, isPictureOrHeic, megabytes, sizeProblem } from "./files.js";
import { nextSide, pace } from "./frames.js";
import { byArrow, byKey } from "./keys.js";
import { clock, receiptRows } from "./receipt.js";
import { finds } from "./shelves.js";
import { address } from "./site.js";

test("the studio's routes are beside its scripts, below a proxy's path too", () => {
  assert.equal(address("photo", "https://studio.example/studio/static/site.js"), "/studio/photo");
  assert.equal(address("check", "https://example.org/portraits/studio/static/site.js"), "/portraits/studio/check");
});

test("arrow keys go round and round, other keys nowhere", () => {
  assert.deepEqual(
    ["ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp"].map((key) => byArrow(key, 2, 3)),
    [0, 0, 1, 1],
  );
  assert.deepEqual(
    ["Home", "End", "ArrowLeft", "Enter"].map((key) => byKey(key, 0, 3)),
    [0, 2, 2, -1],
  );
  assert.equal(byArrow("Home", 2, 3), -1);
});

test("frames follow the machine, within bounds", () => {
  assert.deepEqual([nextSide(400, 200), nextSide(400, 140), nextSide(400, 50)], [372, 400, 416]);
  assert.deepEqual([nextSide(224, 900), nextSide(512, 1)], [224, 512]);
  assert.equal(pace([0, 100, 200]), 10);
});

test("files that are empty or too large are not sent", () => {
  const limit = 40 * 2 ** 20;
  assert.equal(megabytes(limit), "40 MB");
  assert.equal(sizeProblem(limit, limit), "");
  assert.match(sizeProblem(limit + 1, limit), /larger than 40 MB/);
  assert.match(sizeProblem(0, limit), /empty/);
});

test("a pasted HEIC is known by its name where the browser knows no such kind", () => {
  const [heic, text] = [
    { type: "", name: "IMG_1.HEIC" },
    { type: "text/plain", name: "heic.txt" },
  ];
  assert.deepEqual([isPicture(heic), isPictureOrHeic(heic), isPictureOrHeic(text)], [false, true, false]);
});

test("a receipt says what was allowed, and until when", () => {
  const said = {
    id: "0123",
    granted_at: "2026-11-26T07:40:00+00:00",
    withdrawn_at: "2026-11-26T08:00:00+00:00",
    purposes: [{ label: "portraits" }, { label: "study" }],
    operator: "nobody",
    text_version: "3",
    text_sha256: "a".repeat(64),
  };
  const rows = receiptRows(said);
  assert.deepEqual(
    rows.map(([name]) => name),
    ["Number", "Given", "Withdrawn", "Was allowed", "", "Run by", "Text"],
  );
  assert.equal(rows[1][1], "2026-11-26, 07:40 UTC");
});

test("the time of a consent is the visitor's own", () => {
  assert.equal(clock("2026-11-26T18:45:00+00:00", "en-GB", "Europe/Berlin"), "19:45");
});

test("a preset is found by the beginning of each of its words, in any order, with endings and accents", () => {
  const words = "Pen and ink pencil drawing sketch black and white dürer Illustration & animation";
  for (const typed of [
    "",
    "  ",
    "PEN",
    "penc",
    "white black",
    "b & w",
    "sketches",
    "drawings",
    "Durer",
    "black-and-white",
  ]) {
    assert.ok(finds(typed, words), typed);
  }
  for (const typed of ["rawing", "pen oil", "ent", "pencilcase"]) assert.ok(!finds(typed, words), typed);
});
