import assert from "node:assert/strict";
import { test } from "node:test";

import { drawnOf, joinedOver } from "../../../consumer_app/web/joined.js";

const period = (medication, start, end, ...doubts) => ({ medication, start, end, doubts });
const joined = (periods, gap) =>
  joinedOver(periods, gap).map(({ medication, start, end }) => [medication, start, end]);
const PERIODS = [
  period("X", 0, 10), period("Y", 5, 6), period("X", 10, 20), period("X", 23, 24), period("X", 30, null),
];

test("exact periods stay as they are", () => {
  assert.equal(joinedOver(PERIODS, null), PERIODS);
});

test("a gap joins those of a medication that touch or lie no further apart, in the order of time", () => {
  assert.deepEqual(joined(PERIODS, 0), [
    ["X", 0, 20], ["Y", 5, 6], ["X", 23, 24], ["X", 30, null],
  ]);
  assert.deepEqual(joined(PERIODS, 3), [["X", 0, 24], ["Y", 5, 6], ["X", 30, null]]);
  assert.deepEqual(joined(PERIODS, 6), [["X", 0, null], ["Y", 5, 6]]);
});

test("a dose joins what touches it", () => {
  const periods = [period("X", 0, 10), period("X", 10, 10), period("X", 10, 12)];
  assert.deepEqual(joined(periods, 0), [["X", 0, 12]]);
});

test("of what is joined the newest doubt of each kind is told, and the periods keep their own", () => {
  const doubt = (kind, time, count = 1) => ({ kind, time, count });
  const periods = [
    period("X", 0, 1, doubt("late", 0), doubt("planned", 1)), period("X", 1, 2, doubt("late", 2, 3)),
  ];
  assert.deepEqual(
    joinedOver(periods, 0)[0].doubts, [doubt("late", 2, 4), doubt("planned", 1)]);
  assert.deepEqual(periods.map(({ doubts }) => doubts.length), [2, 1]);
});

test("an answer is drawn in rows of what is joined, and of reports without effect", () => {
  const answer = { periods: PERIODS, anomalies: [{ medication: "Z", time: 0 }] };
  const { rows, periods, gap } = drawnOf(answer, "30d");
  assert.equal(gap, "30d");
  assert.deepEqual(rows.map((row) => [row.name, row.periods.length]), [["X", 1], ["Y", 1], ["Z", 0]]);
  assert.equal(periods.length, 2);
});
