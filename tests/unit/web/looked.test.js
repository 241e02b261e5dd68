import assert from "node:assert/strict";
import { test } from "node:test";

import { drawnOf } from "../../../consumer_app/web/joined.js";
import { lookAt } from "../../../consumer_app/web/looked.js";
import { toRows } from "../../../consumer_app/web/rows.js";

const DAY = 86_400_000;
const NOW = 100 * DAY;
const period = (medication, start, end) =>
  ({ medication, start: start * DAY, end: end === null ? null : end * DAY, doubts: [] });
const ANSWER = {
  periods: [period("old", 0, 1), period("new", 90, 91), period("X", 91, 92)],
  anomalies: [{ medication: "X", time: 91 * DAY }, { medication: "old", time: 0 }],
};
const ASKED = { medications: [], window: null, instant: null };
const look = (asked, { answer = ANSWER, usual = null, now = NOW, gap = "exact" } = {}) =>
  lookAt(toRows(answer), drawnOf(answer, gap), { ...ASKED, ...asked }, usual, now);
const names = (items) => items.map(({ name, medication }) => name ?? medication);

test("where nothing is asked for, the latest stay is looked at, as of now", () => {
  const { instant, window, periods, anomalies, groups } = look({});
  assert.equal(instant, NOW);
  assert.ok(window.from < 90 * DAY && window.from > 89 * DAY);
  assert.ok(window.to > 92 * DAY && window.to < 93 * DAY);
  assert.deepEqual(names(periods), ["new", "X"]);
  assert.deepEqual(names(anomalies), ["X"]);
  assert.deepEqual(names(groups.others), ["old"]);
});

test("a window and an instant that are asked for are looked at", () => {
  const window = { from: -DAY, to: 2 * DAY };
  const looked = look({ window, instant: 0 });
  assert.deepEqual(looked.window, window);
  assert.deepEqual(names(looked.groups.on), ["old"]);
  assert.deepEqual(names(looked.periods), ["old"]);
});

test("what is on is told whether the window meets it or not, and has no row without a bar", () => {
  const { on, groups } = look({ window: { from: 89 * DAY, to: 90.5 * DAY }, instant: 91.5 * DAY });
  assert.deepEqual(names(on), ["X"]);
  assert.deepEqual([names(groups.on), names(groups.also)], [[], ["new"]]);
});

test("a filter changes nothing of what the patient is on, and the chart says how many it leaves out", () => {
  const answer = { periods: [period("X", 95, null), period("Y", 96, null)], anomalies: [] };
  const { on, groups } = look({ medications: ["X"] }, { answer });
  assert.deepEqual([names(on), names(groups.on), groups.allOn], [["X", "Y"], ["X"], 2]);
});

test("joined over gaps are the chart and the table, and neither what the patient is on nor a stay", () => {
  const answer = {
    periods: [period("X", 80, 81), period("Y", 80, 81), period("X", 90, 91), period("X", 95, null)],
    anomalies: [],
  };
  const exact = look({ instant: 93 * DAY }, { answer });
  const joined = look({ instant: 93 * DAY }, { answer, gap: "30d" });
  assert.deepEqual(joined.on, []);
  assert.deepEqual(joined.groups.on, []);
  assert.deepEqual([joined.stays, joined.window], [exact.stays, exact.window]);
  assert.deepEqual(joined.periods.map(({ start, end }) => [start / DAY, end]), [[80, null]]);
  assert.equal(exact.periods.length, 1);
});

test("the filter leaves out other medications of chart and table, unless it names none that is there", () => {
  const { shown, periods, anomalies } = look({ medications: ["new"] });
  assert.deepEqual([names(shown), names(periods), anomalies], [["new"], ["new"], []]);
  assert.equal(look({ medications: ["Snake oil"] }).shown.length, 3);
});

test("a stay that begins while another window is looked at is not jumped to", () => {
  const { usual } = look({});
  const answer = { ...ANSWER, periods: [...ANSWER.periods, period("next", 99, 100)] };
  assert.deepEqual(look({}, { answer, usual }).usual, usual);
  assert.equal(look({}, { answer }).usual.from, 99 * DAY);
});

test("the window of a stay that may go on is that which is usual", () => {
  const answer = { periods: [period("X", 98, null)], anomalies: [] };
  const { stays, window } = look({}, { answer });
  assert.deepEqual(stays[0].window, window);
});

test("the strip reaches from the first report until now", () => {
  const { reach } = look({});
  assert.ok(reach.from < 0 && reach.to > NOW && reach.to < NOW + 2 * DAY);
});
