import "./in_berlin.js";

import assert from "node:assert/strict";
import { test } from "node:test";

import { clockInWords, freshness } from "../../../consumer_app/web/freshness.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

for (const [age, isLive, words] of [
  [0, true, "live"],
  [35 * SECOND, true, "live"],
  [40.7 * SECOND, false, "not updated for 40 s"],
  [3 * MINUTE + 20 * SECOND, false, "not updated for 3 min"],
  [65 * MINUTE, false, "not updated for 1 h 5 min"],
]) {
  test(`an answer that is ${age / SECOND} s old is ${words}`, () => {
    assert.deepEqual(freshness(1_000, 1_000 + age), { isLive, words });
  });
}

test("a clock that differs from the service's by more than a minute is told of", () => {
  assert.equal(clockInWords(900), "");
  assert.equal(clockInWords(7 * MINUTE), "This computer’s clock is 7 min ahead of the service’s.");
  assert.equal(clockInWords(-2 * MINUTE), "This computer’s clock is 2 min behind the service’s.");
});
