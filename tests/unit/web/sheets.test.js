import "./in_berlin.js";

import assert from "node:assert/strict";
import { test } from "node:test";

import { extents, headed, paged } from "../../../consumer_app/web/sheets.js";

const rows = (number) => Array.from({ length: number }, (_, at) => at);
const lengths = (pages) => pages.map((page) => page.length);

test("a page has sixteen rows at most", () => {
  assert.deepEqual(lengths(paged(rows(40), rows(40).fill(10), 1_000)), [16, 16, 8]);
});

test("rows with long names take the room of others", () => {
  assert.deepEqual(paged(["a", "b", "c", "d"], [40, 60, 50, 50], 100), [["a", "b"], ["c", "d"]]);
});

test("a row that is higher than a page has one to itself", () => {
  assert.deepEqual(paged(["a", "b", "c"], [10, 500, 10], 100), [["a"], ["b"], ["c"]]);
});

test("the first row of a group has its heading, wherever a page ends", () => {
  const lines = [{ words: "On now (2)" }, { row: "a" }, { row: "b" }, { words: "Also" }, { row: "c" }];
  assert.deepEqual(headed(lines), [
    { row: "a", heading: "On now (2)" }, { row: "b", heading: null }, { row: "c", heading: "Also" },
  ]);
});

test("all periods of a row are told, and of many the last ones", () => {
  const hour = 3_600_000;
  const period = (_, at) => ({ start: at * 2 * hour, end: at * 2 * hour + hour });
  assert.equal(extents(Array.from({ length: 2 }, period)),
    "1 Jan 1970 01:00 to 1 Jan 1970 02:00, 1 h; 1 Jan 1970 03:00 to 1 Jan 1970 04:00, 1 h");
  assert.match(extents(Array.from({ length: 9 }, period)), /^3 periods before; 1 Jan 1970 07:00 to/);
});
