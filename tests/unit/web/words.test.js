import "./in_berlin.js";

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  arrival, count, days, difference, duration, extent, filtered, onNone, state, summary, time,
} from "../../../consumer_app/web/words.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

test("a time is told in the reader's zone, summer and winter", () => {
  assert.equal(time(Date.parse("2021-01-01T02:00:00Z")), "1 Jan 2021 03:00");
  assert.equal(time(Date.parse("2021-06-30T22:30:00Z")), "1 Jul 2021 00:30");
});

test("seconds are told where there are any", () => {
  assert.equal(time(Date.parse("2021-01-01T02:00:05Z")), "1 Jan 2021 03:00:05");
});

test("a stretch of time is told by its days", () => {
  const told = days({ from: new Date(2020, 11, 30), to: new Date(2021, 0, 5) });
  // Which space stands beside the dash differs between releases of Unicode's data.
  assert.equal(told.replace(/\s/g, " "), "30 Dec 2020 – 5 Jan 2021");
});

test("in the night in which clocks are put back, the offset tells which hour is meant", () => {
  const first = Date.parse("2026-10-25T00:30:00Z");
  assert.equal(
    extent({ start: first, end: first + HOUR }),
    "25 Oct 2026 02:30 (+02:00) to 25 Oct 2026 02:30 (+01:00), 1 h");
});

test("in the night in which clocks are put forward, a duration is what has passed", () => {
  const before = Date.parse("2026-03-29T00:30:00Z");
  assert.equal(
    extent({ start: before, end: before + HOUR }), "29 Mar 2026 01:30 to 29 Mar 2026 03:30, 1 h");
});

for (const [milliseconds, said] of [
  [0, "zero"],
  [1, "1 ms"],
  [999, "999 ms"],
  [SECOND, "1 s"],
  [90 * SECOND, "1 min 30 s"],
  [HOUR, "1 h"],
  [HOUR + 59 * SECOND, "1 h"],
  [23 * HOUR + 59 * MINUTE, "23 h 59 min"],
  [DAY, "1 d"],
  [400 * DAY + 2 * HOUR + 30 * MINUTE, "400 d 2 h"],
]) {
  test(`a duration is told in its two largest units: ${said}`, () => {
    assert.equal(duration(milliseconds), said);
  });
}

test("one is told in the singular, and thousands are parted", () => {
  assert.deepEqual(
    [0, 1, 2, 12_345].map((number) => count(number, "period")),
    ["0 periods", "1 period", "2 periods", "12,345 periods"]);
});

const begin = Date.parse("2021-01-01T02:00:00Z");
for (const [period, stated, told] of [
  [{ start: begin, end: null }, "ongoing", "from 1 Jan 2021 03:00, no end reported"],
  [{ start: begin, end: begin + 3 * DAY }, "ongoing", "1 Jan 2021 03:00 to 4 Jan 2021 03:00, 3 d"],
  [{ start: begin, end: begin }, "dose", "at 1 Jan 2021 03:00, a dose"],
  [{ start: begin, end: begin + DAY }, "ended", "1 Jan 2021 03:00 to 2 Jan 2021 03:00, 1 d"],
  [
    { start: begin + 3 * DAY, end: null }, "planned", "from 4 Jan 2021 03:00, no end reported",
  ],
]) {
  test(`a period's extent, and its state at an instant, are told in words: ${stated} ${told}`, () => {
    assert.equal(state(period, begin + DAY), stated);
    assert.equal(extent(period), told);
  });
}

test("who is on nothing is told what ended last, and what comes next", () => {
  const row = (medication, ...extents) =>
    ({ periods: extents.map(([start, end]) => ({ medication, start, end })) });
  const rows = [
    row("X", [begin - 2 * DAY, begin - DAY], [begin + 2 * DAY, null]), row("Y", [begin + DAY, null]),
  ];
  const [last, next] = [
    "The last period before ended 31 Dec 2020 03:00.", "The next begins 2 Jan 2021 03:00: Y.",
  ];
  assert.equal(onNone(rows, begin), `On no medication. ${last} ${next}`);
  assert.equal(onNone([row("X", [begin, begin + DAY])], begin + DAY),
    "On no medication. The last period before ended 2 Jan 2021 03:00.");
  assert.equal(onNone([rows[1]], begin), `On no medication. ${next}`);
});

test("what a window holds is told in a line", () => {
  const periods = [{}, {}, {}];
  assert.equal(
    summary({ periods, anomalies: [{}], gap: "joined" }),
    "3 periods · periods joined where they touch · 1 report without effect");
  assert.equal(summary({ periods, anomalies: [], gap: "exact" }), "3 periods · exact periods");
});

const some = (...names) => names.map((name) => ({ name }));
const ALL = some("A", "B", "C", "D", "E");

test("of a filter it is told how many it leaves, and of the first which", () => {
  assert.equal(filtered(ALL, ALL), "");
  assert.equal(filtered(some("B"), ALL), "only 1 of 5 medications (B)");
  assert.equal(filtered(some("A", "B", "C", "E"), ALL), "only 4 of 5 medications (A, B, C and 1 more)");
});

test("that chart and table are filtered or joined is told, with what is not", () => {
  assert.equal(difference(ALL, ALL, "exact"), "");
  assert.equal(
    difference(some("B"), ALL, "30d"),
    "Chart and table have only 1 of 5 medications (B), periods joined over gaps of up to 30 days."
      + " The list is complete and exact.");
});

const CAME = Date.parse("2021-01-01T02:00:05Z");
const RECEIVED = " The last ones came 1 Jan 2021 03:00:05.";
const LATE = "New reports may be late at the moment: what is shown may lack some.";
const NONE = "New reports do not arrive at the moment: what is shown may be out of date.";
for (const [problems, lastReceived, said] of [
  [{}, CAME, ""],
  [{ replica: "behind" }, CAME, LATE + RECEIVED],
  [{ replica: "behind" }, null, LATE],
  [{ broker: "away" }, CAME, NONE + RECEIVED],
  [{ database: "away", replica: "behind" }, null, NONE],
]) {
  test(`how reports arrive is told: ${Object.keys(problems)} ${said}`, () => {
    assert.equal(arrival(problems, lastReceived), said);
  });
}
