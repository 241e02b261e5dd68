import assert from "node:assert/strict";
import { test } from "node:test";

import { paged } from "../../../consumer_app/web/sheets.js";

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
