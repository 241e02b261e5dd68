import assert from "node:assert/strict";
import { test } from "node:test";

import {
  countAtOnce, firstEndingAfter, holdsAt, reachOf, together, toRows,
} from "../../../consumer_app/web/rows.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const period = (medication, start, end) => ({ medication, start, end });
const row = (name, ...extents) => ({
  name,
  periods: extents.map(([start, end]) => period(name, start, end)),
  anomalies: [],
});
const names = (rows) => rows.map(({ name }) => name);

test("a medication has one row, with its periods and anomalies in the order of the answer", () => {
  const periods = [period("X", 0, 1), period("Y", 0, 2), period("X", 3, 4)];
  const anomalies = [{ medication: "X", time: 5 }];

  assert.deepEqual(toRows({ periods, anomalies }), [
    { name: "X", periods: [periods[0], periods[2]], anomalies, ongoing: false },
    { name: "Y", periods: [periods[1]], anomalies: [], ongoing: false },
  ]);
});

test("what the patient is on now comes first, then the medications by name", () => {
  const periods = [
    period("a", 0, 1), period("D", 0, null), period("B", 0, 1), period("c", 0, 1),
    period("c", 2, null),
  ];
  assert.deepEqual(names(toRows({ periods, anomalies: [] })), ["c", "D", "a", "B"]);
});

test("a medication of which there are anomalies alone has a row", () => {
  const anomalies = [{ medication: "X", time: 5 }];
  assert.deepEqual(toRows({ periods: [], anomalies }), [
    { name: "X", periods: [], anomalies, ongoing: false },
  ]);
});

test("there is to see what lies between the first and the last report, and a 25th beside it", () => {
  assert.deepEqual(reachOf([row("X", [HOUR, 51 * HOUR])], 99 * HOUR), [-HOUR, 53 * HOUR]);
});

test("what lasts is to be seen until now", () => {
  assert.deepEqual(reachOf([row("X", [0, null])], 100 * HOUR), [-4 * HOUR, 104 * HOUR]);
});

test("a report without effect is to be seen, too", () => {
  const rows = [row("X", [0, HOUR]), { ...row("Y"), anomalies: [{ time: 100 * HOUR }] }];
  assert.deepEqual(reachOf(rows, 0), [-4 * HOUR, 104 * HOUR]);
});

test("half an hour at least is to be seen beside a single instant", () => {
  assert.deepEqual(reachOf([row("X", [HOUR, HOUR])], 0), [30 * MINUTE, 90 * MINUTE]);
});

test("the medications at once are counted from each instant at which their number changes", () => {
  assert.deepEqual(countAtOnce([row("X", [0, 4]), row("Y", [2, 6], [8, null])]), [
    { instant: 0, count: 1 },
    { instant: 2, count: 2 },
    { instant: 4, count: 1 },
    { instant: 6, count: 0 },
    { instant: 8, count: 1 },
  ]);
});

test("between periods that touch, and at one of zero length, the number stays", () => {
  assert.deepEqual(countAtOnce([row("X", [0, 2], [2, 4]), row("Y", [3, 3])]), [
    { instant: 0, count: 1 },
    { instant: 2, count: 1 },
    { instant: 3, count: 1 },
    { instant: 4, count: 0 },
  ]);
});

test("the first period that ends after an instant is found, or the end of the list", () => {
  const { periods } = row("X", [0, 2], [4, 6], [8, null]);
  const found = [-1, 1, 2, 3, 5, 6, 99].map((instant) => firstEndingAfter(periods, instant));
  assert.deepEqual(found, [0, 0, 1, 1, 1, 2, 2]);
  assert.equal(firstEndingAfter(periods.slice(0, 2), 6), 2);
  assert.equal(firstEndingAfter([], 0), 0);
});

test("a period holds from its start and no longer at its end", () => {
  const held = row("X", [1, 3], [5, 5], [7, null]);
  const holds = [0, 1, 2, 3, 4, 5, 6, 7, 99].map((instant) => holdsAt(held, instant));
  assert.deepEqual(holds, [false, true, true, false, false, false, false, true, true]);
});

test("medications are together when their periods overlap, not when they touch", () => {
  const rows = [
    row("itself", [10, 20]), row("before", [0, 10]), row("into", [0, 11]),
    row("within", [12, 13]), row("out of", [19, 30]), row("after", [20, null]),
    row("around", [0, null]),
  ];
  assert.deepEqual(
    together(rows, period("itself", 10, 20)), ["into", "within", "out of", "around"]);
});

test("what lasts is together with all that comes", () => {
  const rows = [row("over", [0, 10]), row("later", [50, 60]), row("last", [90, null])];
  assert.deepEqual(together(rows, period("itself", 10, null)), ["later", "last"]);
});

test("a period of zero length is together with those around it", () => {
  const rows = [row("ended", [0, 10]), row("begun", [10, 12]), row("around", [5, 15])];
  assert.deepEqual(together(rows, period("itself", 10, 10)), ["begun", "around"]);
});
