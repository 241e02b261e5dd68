import assert from "node:assert/strict";
import { test } from "node:test";

import { toSegments } from "../../../consumer_app/web/segments.js";

/** A hundred pixels that show the hundred instants from `left` on. */
const frame = (left = 0) => ({ x: (at) => at - left, left, right: left + 100, width: 100 });
const segments = (extents, left) =>
  toSegments(extents.map(([start, end]) => ({ start, end })), frame(left));

test("a period is a bar from its start until a hair's breadth before its end", () => {
  assert.deepEqual(segments([[10, 30]]), [{ from: 0, to: 0, kind: "closed", x: 10, width: 19 }]);
});

test("a period of zero length is a mark around its instant", () => {
  assert.deepEqual(segments([[20, 20]]), [{ from: 0, to: 0, kind: "instant", x: 15, width: 10 }]);
});

test("an ongoing period goes on to the edge, and is to be seen when it has just begun", () => {
  assert.deepEqual(segments([[40, null]]), [{ from: 0, to: 0, kind: "ongoing", x: 40, width: 60 }]);
  assert.deepEqual(segments([[98, null]]), [{ from: 0, to: 0, kind: "ongoing", x: 98, width: 6 }]);
});

test("a period too short for a pixel can be seen", () => {
  assert.deepEqual(
    segments([[50, 50.1]]), [{ from: 0, to: 0, kind: "closed", x: 50, width: 1.5 }]);
});

test("wide neighbours that touch are two bars", () => {
  assert.deepEqual(segments([[0, 20], [20, 40]]), [
    { from: 0, to: 0, kind: "closed", x: 0, width: 19 },
    { from: 1, to: 1, kind: "closed", x: 20, width: 19 },
  ]);
});

test("narrow neighbours that can't be told apart are one bar, which names all its periods", () => {
  assert.deepEqual(segments([[10, 12], [13, 15], [80, 90]]), [
    { from: 0, to: 1, kind: "dense", x: 10, width: 4.5 },
    { from: 2, to: 2, kind: "closed", x: 80, width: 9 },
  ]);
});

test("narrow bars with room between them are two", () => {
  assert.deepEqual(segments([[10, 12], [14, 16]]).map(({ kind }) => kind), ["closed", "closed"]);
});

test("what the patient is on now is a bar of its own, however near the one before is", () => {
  assert.deepEqual(segments([[10, 12], [12, null]]), [
    { from: 0, to: 0, kind: "closed", x: 10, width: 1.5 },
    { from: 1, to: 1, kind: "ongoing", x: 12, width: 88 },
  ]);
});

test("marks may cover each other by half before they are one", () => {
  assert.deepEqual(segments([[20, 20], [25, 25]]).map(({ kind }) => kind), ["instant", "instant"]);
  assert.deepEqual(segments([[20, 20], [24, 24]]), [
    { from: 0, to: 1, kind: "dense", x: 15, width: 14 },
  ]);
});

test("periods outside what is shown are no bars", () => {
  assert.deepEqual(segments([[0, 40], [120, 130], [250, 260]], 100), [
    { from: 1, to: 1, kind: "closed", x: 20, width: 9 },
  ]);
});

test("half of a mark at the left edge is shown", () => {
  assert.deepEqual(segments([[0, 40], [100, 100]], 100), [
    { from: 1, to: 1, kind: "instant", x: -5, width: 10 },
  ]);
});

test("bars end a little outside, however far their periods reach", () => {
  assert.deepEqual(segments([[-1e12, 50], [60, 1e12]]), [
    { from: 0, to: 0, kind: "closed", x: -50, width: 99 },
    { from: 1, to: 1, kind: "closed", x: 60, width: 89 },
  ]);
});

test("ten thousand periods on a few pixels are one bar", () => {
  const many = Array.from({ length: 10_000 }, (_, at) => [at / 1_000, (at + 0.5) / 1_000]);
  const [bar, ...others] = segments(many);
  assert.deepEqual([bar.from, bar.to, bar.kind, bar.x, others], [0, 9_999, "dense", 0, []]);
});

test("a row without periods has no bars", () => {
  assert.deepEqual(segments([]), []);
});
