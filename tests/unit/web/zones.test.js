import "./in_berlin.js";

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import {
  browserZone, format, instantOf, instantsOf, isTwice, offset, offsetInWords, useZone, wallOf, zone,
} from "../../../consumer_app/web/zones.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const SUMMER = Date.parse("2026-07-01T12:00:00Z");
const WINTER = Date.parse("2026-01-01T12:00:00Z");
// 02:59:59 is followed by 02:00, and 01:59:59 by 03:00.
const BACK = Date.parse("2026-10-25T01:00:00Z");
const FORWARD = Date.parse("2026-03-29T01:00:00Z");

afterEach(() => useZone(browserZone));

test("times are told in the browser's zone unless another one is chosen", () => {
  assert.equal(zone(), "Europe/Berlin");
  assert.equal(format("minute", SUMMER), "14:00");
  useZone("UTC");
  assert.equal(format("minute", SUMMER), "12:00");
});

test("a zone that nobody knows changes nothing", () => {
  useZone("Mars/Olympus");
  assert.equal(zone(), "Europe/Berlin");
});

for (const [name, instant, hours, words] of [
  ["Europe/Berlin", SUMMER, 2, "+02:00"],
  ["Europe/Berlin", WINTER, 1, "+01:00"],
  ["America/St_Johns", WINTER, -3.5, "−03:30"],
  ["UTC", SUMMER, 0, "+00:00"],
]) {
  test(`an offset is that of the instant: ${name} ${words}`, () => {
    useZone(name);
    assert.equal(offset(instant), hours * HOUR);
    assert.equal(offsetInWords(instant), words);
  });
}

test("what the clocks show leads back to the instant, on the days of a change, too", () => {
  for (const change of [BACK, FORWARD, SUMMER]) {
    for (let hours = -30; hours <= 30; hours += 0.5) {
      const instant = change + hours * HOUR;
      const found = instantOf(wallOf(instant));
      // Of the hour that is there twice the second one is found.
      assert.ok(found === instant || (isTwice(instant) && found === instant + HOUR));
    }
  }
});

test("a time that the clocks show twice is both instants, and one that they leave out is none", () => {
  const twice = wallOf(BACK - 20 * MINUTE);
  assert.deepEqual(instantsOf(twice), [BACK - 20 * MINUTE, BACK + 40 * MINUTE]);
  const leftOut = wallOf(FORWARD - MINUTE) + 31 * MINUTE;
  assert.deepEqual(instantsOf(leftOut), []);
  assert.equal(format("minute", instantOf(leftOut)), "03:30");
});

test("the hour before clocks are put back is there twice, and no other one", () => {
  const twice = [-90, -60, -30, -1, 0, 30, 59, 60].map((minutes) => isTwice(BACK + minutes * MINUTE));
  assert.deepEqual(twice, [false, true, true, true, true, true, true, false]);
  assert.ok(![-30, 0, 30].some((minutes) => isTwice(FORWARD + minutes * MINUTE)));
});
