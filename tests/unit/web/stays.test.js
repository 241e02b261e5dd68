import assert from "node:assert/strict";
import { test } from "node:test";

import { followed, roomy, staysOf, usualWindow } from "../../../consumer_app/web/stays.js";

const DAY = 86_400_000;
const rows = (...extents) => Object.entries(
  Object.groupBy(extents, ([name]) => name),
).map(([name, periods]) => ({
  name,
  periods: periods.map(([medication, start, end]) => ({
    medication, start: start * DAY, end: end === null ? null : end * DAY,
  })),
}));
const inDays = (stays) => stays.map(({ from, to, medications }) => [from / DAY, to / DAY, medications]);
const stays = (now, ...extents) => inDays(staysOf(rows(...extents), now * DAY));

test("short periods with little time between them are a stay", () => {
  assert.deepEqual(stays(99, ["X", 0, 1], ["Y", 2, 5], ["X", 7.5, 8]), [[0, 8, 2]]);
});

test("three days without any part two stays", () => {
  assert.deepEqual(stays(99, ["X", 0, 1], ["X", 4, 5]), [[0, 1, 1], [4, 5, 1]]);
});

test("a period around others ends their stay, whenever it began", () => {
  assert.deepEqual(stays(99, ["X", 0, 9], ["Y", 1, 2], ["Z", 11, 12]), [[0, 12, 3]]);
});

test("what is taken for two weeks or more is no stay", () => {
  assert.deepEqual(stays(99, ["X", 0, 14]), []);
  assert.deepEqual(stays(99, ["X", 0, null], ["Y", 3, 3]), [[3, 3, 1]]);
});

test("what goes on lasts until now", () => {
  assert.deepEqual(stays(13, ["X", 0, null]), [[0, 13, 1]]);
  assert.deepEqual(stays(14, ["X", 0, null]), []);
});

test("what is planned is at its own time", () => {
  assert.deepEqual(stays(1, ["X", 5, null]), [[5, 5, 1]]);
});

test("the latest stay is shown, until now where somebody may still be there", () => {
  const found = (now, ...extents) => {
    const { from, to } = usualWindow(staysOf(rows(...extents), now * DAY), now * DAY);
    return [from / DAY, to / DAY];
  };
  assert.deepEqual(found(50, ["X", 0, 1], ["X", 10, 12]), [10, 12]);
  assert.deepEqual(found(13, ["X", 10, 12]), [10, 13]);
  assert.deepEqual(found(11, ["X", 10, 12]), [10, 12]);
  assert.deepEqual(found(15, ["X", 10, 12]), [10, 12]);
});

test("without any stay 90 days are shown", () => {
  assert.deepEqual(usualWindow([], 100 * DAY), { from: 10 * DAY, to: 100 * DAY });
});

test("the usual window ends later as time goes on, and is no other one while it is looked at", () => {
  assert.deepEqual(followed(null, { from: 1, to: 2 }), { from: 1, to: 2 });
  assert.deepEqual(followed({ from: 1, to: 2 }, { from: 1, to: 3 }), { from: 1, to: 3 });
  assert.deepEqual(followed({ from: 1, to: 2 }, { from: 9, to: 10 }), { from: 1, to: 2 });
});

test("a stretch has room beside it: a 25th, and half an hour at least", () => {
  assert.deepEqual(roomy({ from: 0, to: 100 * DAY }), { from: -4 * DAY, to: 104 * DAY });
  assert.deepEqual(roomy({ from: 0, to: 0 }), { from: -1_800_000, to: 1_800_000 });
});
