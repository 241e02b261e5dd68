import "./in_berlin.js";

import assert from "node:assert/strict";
import { test } from "node:test";

import { ticksOf, widthOf } from "../../../consumer_app/web/ticks.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const words = (from, to, width) =>
  ticksOf(Date.parse(from), Date.parse(to), width).map(({ words: each }) => each);

test("an axis names the hour that is there twice both times, with its offset", () => {
  assert.deepEqual(words("2026-10-24T22:30:00Z", "2026-10-25T03:30:00Z", 700), [
    "01:00", "02:00 +02:00", "02:00 +01:00", "03:00", "04:00",
  ]);
});

test("a stretch within the hour that is there twice has ticks before the clocks are put back", () => {
  assert.deepEqual(words("2026-10-25T00:20:00Z", "2026-10-25T01:10:00Z", 600), [
    "02:30 +02:00", "02:45 +02:00", "02:00 +01:00",
  ]);
});

test("an axis names no hour that the clocks leave out, and none at one place twice", () => {
  assert.deepEqual(words("2026-03-28T23:30:00Z", "2026-03-29T03:30:00Z", 400), [
    "01:00", "03:00", "04:00", "05:00",
  ]);
});

test("the first day, and each day of another month, has its month", () => {
  assert.deepEqual(words("2026-11-05T12:00:00Z", "2026-12-20T12:00:00Z", 700), [
    "Sun 8 Nov", "Sun 15", "Sun 22", "Sun 29", "Sun 6 Dec", "Sun 13", "Sun 20",
  ]);
});

test("months have their year, and a year begins with it", () => {
  assert.deepEqual(words("2025-11-15T12:00:00Z", "2026-03-20T12:00:00Z", 500), [
    "Dec 2025", "2026", "Feb 2026", "Mar 2026",
  ]);
});

test("seconds are named where there are any", () => {
  const [first] = words("2026-11-05T12:00:01Z", "2026-11-05T12:00:31Z", 300);
  assert.match(first, /^13:00:\d\d$/);
});

test("names never run into each other, whatever the stretch and wherever it begins", () => {
  for (let length = MINUTE; length < 20_000 * DAY; length *= 1.37) {
    for (const width of [180, 700, 1300]) {
      const left = Date.parse("2026-10-21T13:17:00Z") - length / 3;
      const ticks = ticksOf(left, left + length, width);
      const x = ({ instant }) => ((instant - left) / length) * width;
      assert.ok(ticks.length > 1 || width === 180, `${length} ms on ${width} pixels`);
      ticks.slice(1).forEach((tick, at) => {
        const before = ticks[at];
        const between = x(tick) - x(before);
        assert.ok(between > (widthOf(before.words) + widthOf(tick.words)) / 2);
      });
    }
  }
});
