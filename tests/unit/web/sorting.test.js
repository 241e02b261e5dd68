import assert from "node:assert/strict";
import { test } from "node:test";

import { sorted, turned } from "../../../consumer_app/web/sorting.js";

const periods = [
  { medication: "b", start: 0, end: 9 }, { medication: "C", start: 1, end: null },
  { medication: "a", start: 2, end: 4 }, { medication: "b", start: 2, end: 2 },
];
const starts = (order) => sorted(periods, order).map(({ medication, start }) => medication + start);

for (const [by, ascending] of [
  ["medication", ["a2", "b0", "b2", "C1"]],
  ["start", ["b0", "C1", "a2", "b2"]],
  ["end", ["b2", "a2", "b0", "C1"]],
  ["duration", ["b2", "a2", "b0", "C1"]],
]) {
  test(`periods are sorted by ${by}; what goes on ends last`, () => {
    assert.deepEqual(starts({ by, isDescending: false }), ascending);
  });
}

test("descending, equals stay in the order of the service", () => {
  assert.deepEqual(starts({ by: "medication", isDescending: true }), ["C1", "b0", "b2", "a2"]);
});

test("a second click on a column turns its order round, one on another begins anew", () => {
  const once = turned({ by: "start", isDescending: false }, "end");
  assert.deepEqual(once, { by: "end", isDescending: false });
  const twice = turned(once, "end");
  assert.deepEqual(twice, { by: "end", isDescending: true });
  assert.deepEqual(turned(twice, "start"), { by: "start", isDescending: false });
});
