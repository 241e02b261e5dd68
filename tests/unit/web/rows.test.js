import assert from "node:assert/strict";
import { test } from "node:test";

import {
  countAtOnce, firstEndingAfter, grouped, holdsAt, numberIn, reachOf, runAt, runsOf, together,
  toRows,
} from "../../../consumer_app/web/rows.js";

const HOUR = 3_600_000;

const period = (medication, start, end) => ({ medication, start, end });
const row = (name, ...extents) => ({
  name,
  periods: extents.map(([start, end]) => period(name, start, end)),
  anomalies: [],
});
const run = (start, end, number = 1) => ({ start, end, number });
const names = (rows) => rows.map(({ name }) => name);

test("a medication has one row, with its periods and anomalies in the order of the answer", () => {
  const periods = [period("X", 0, 1), period("Y", 0, 2), period("X", 3, 4)];
  const anomalies = [{ medication: "X", time: 5 }];

  assert.deepEqual(toRows({ periods, anomalies }), [
    { name: "X", periods: [periods[0], periods[2]], runs: [run(0, 1), run(3, 4)], anomalies },
    { name: "Y", periods: [periods[1]], runs: [run(0, 2)], anomalies: [] },
  ]);
});

test("rows stand by name, as a reader looks for them", () => {
  const periods = ["a", "D", "B", "c"].map((name) => period(name, 0, 1));
  assert.deepEqual(names(toRows({ periods, anomalies: [] })), ["a", "B", "c", "D"]);
});

test("a medication of which there are anomalies alone has a row", () => {
  const anomalies = [{ medication: "X", time: 5 }];
  assert.deepEqual(
    toRows({ periods: [], anomalies }), [{ name: "X", periods: [], runs: [], anomalies }]);
});

const inGroups = (rows, instant, window) =>
  Object.values(grouped(rows, (each) => holdsAt(each, instant), window)).map(names);

test("of what meets the window, that which is on at the instant comes first", () => {
  const rows = [
    row("on", [0, 40]), row("met", [12, 14]), row("before", [0, 9]), row("after", [21, null]),
    row("on outside", [28, null]),
  ];
  assert.deepEqual(inGroups(rows, 30, { from: 10, to: 20 }), [
    ["on"], ["met"], ["before", "after", "on outside"],
  ]);
});

test("a start in the future is not yet one, and a stop in the future is not yet one either", () => {
  const rows = [row("planned", [31, null]), row("ends later", [0, 31]), row("ends now", [0, 30])];
  assert.deepEqual(inGroups(rows, 30, { from: 0, to: 40 }), [
    ["ends later"], ["planned", "ends now"], [],
  ]);
});

test("a dose and a report without effect meet the window in which they lie, edges and all", () => {
  const rows = [
    row("at its begin", [10, 10]), row("at its end", [20, 20]), row("before", [9, 9]),
    { ...row("vain"), anomalies: [{ time: 15 }] }, { ...row("too late"), anomalies: [{ time: 21 }] },
  ];
  assert.deepEqual(inGroups(rows, 99, { from: 10, to: 20 }), [
    [], ["at its begin", "at its end", "vain"], ["before", "too late"],
  ]);
});

test("a period that ends as the window begins does not meet it, a later one of its row may", () => {
  const window = { from: 10, to: 20 };
  assert.deepEqual(inGroups([row("X", [0, 10])], 99, window), [[], [], ["X"]]);
  assert.deepEqual(inGroups([row("X", [0, 10], [15, 16])], 99, window), [[], ["X"], []]);
});

test("the periods of a row that meet a window are counted, not those of its whole history", () => {
  const counted = row("X", [0, 10], [10, 12], [15, 15], [20, null]);
  assert.equal(numberIn(counted, { from: 10, to: 20 }), 3);
  assert.equal(numberIn(counted, { from: 12, to: 14 }), 0);
  assert.equal(numberIn(row("vain"), { from: 0, to: 99 }), 0);
});

test("there is to see what lies between the first and the last that was reported", () => {
  assert.deepEqual(reachOf([row("X", [HOUR, 51 * HOUR])], 99 * HOUR), { from: HOUR, to: 51 * HOUR });
});

test("what lasts is to be seen until now, and what is planned at its own time", () => {
  assert.deepEqual(reachOf([row("X", [0, null])], 100), { from: 0, to: 100 });
  assert.deepEqual(reachOf([row("X", [0, null]), row("Y", [200, null])], 100), { from: 0, to: 200 });
});

test("a report without effect is to be seen, too", () => {
  const rows = [row("X", [0, HOUR]), { ...row("Y"), anomalies: [{ time: 100 * HOUR }] }];
  assert.deepEqual(reachOf(rows, 0), { from: 0, to: 100 * HOUR });
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

test("periods that touch are one run, however many, and a dose is none of it", () => {
  const { periods } = row("X", [0, 2], [2, 4], [4, 4], [4, 5], [5, 9], [9, null]);
  const [first, later] = [run(0, 4, 2), run(4, null, 3)];
  assert.deepEqual(runsOf(periods), [first, first, run(4, 4), later, later, later]);
  assert.deepEqual(runAt({ periods, runs: runsOf(periods) }, 6), later);
  assert.equal(runAt({ periods, runs: runsOf(periods) }, -1), undefined);
});

const beside = (rows, one, now = 100) =>
  together(rows, one, now).map(({ name, milliseconds }) => [name, milliseconds]);

test("medications are together when their periods overlap, not when they touch: the longest first", () => {
  const rows = [
    row("itself", [10, 20]), row("before", [0, 10]), row("into", [0, 11]),
    row("within", [12, 14]), row("out of", [17, 30]), row("after", [20, null]),
    row("around", [0, null]),
  ];
  assert.deepEqual(
    beside(rows, period("itself", 10, 20)),
    [["around", 10], ["out of", 3], ["within", 2], ["into", 1]]);
});

test("several periods of a medication beside one are added up", () => {
  assert.deepEqual(
    beside([row("X", [0, 2], [4, 5], [9, 99])], period("Y", 1, 10)), [["X", 3]]);
});

test("what lasts is together with all that comes, until now", () => {
  const rows = [row("over", [0, 10]), row("later", [50, 60]), row("last", [90, null])];
  assert.deepEqual(beside(rows, period("itself", 10, null)), [["later", 10], ["last", 10]]);
});

test("what is planned is together with nothing, and nothing with it", () => {
  const rows = [row("on", [0, null]), row("ends later", [90, 150]), row("planned", [103, null])];
  assert.deepEqual(
    beside(rows, period("itself", 50, null)), [["on", 50], ["ends later", 10]]);
  assert.deepEqual(
    beside(rows, period("itself", 50, 200)), [["on", 50], ["ends later", 10]]);
  assert.deepEqual(beside(rows, period("itself", 101, null)), []);
});

test("a period of zero length is together with those around it", () => {
  const rows = [row("ended", [0, 10]), row("begun", [10, 12]), row("around", [5, 15])];
  assert.deepEqual(beside(rows, period("itself", 10, 10)), [["begun", 0], ["around", 0]]);
});
