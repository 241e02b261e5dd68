import assert from "node:assert/strict";
import { test } from "node:test";

import { runsOf } from "../../../consumer_app/web/rows.js";
import { toSegments } from "../../../consumer_app/web/segments.js";

/** A hundred pixels that show the hundred instants from `left` on. */
const frame = (left = 0) => ({ x: (at) => at - left, left, right: left + 100, width: 100 });
const segments = (extents, left) => {
  const periods = extents.map(([start, end]) => ({ start, end }));
  return toSegments({ periods, runs: runsOf(periods) }, frame(left));
};

const bar = (from, to, kind, x, width, joints = []) => ({ from, to, kind, x, width, joints });

test("a period is a bar from its start to its end", () => {
  assert.deepEqual(segments([[10, 30]]), [bar(0, 0, "closed", 10, 20)]);
});

test("a period of zero length is a mark around its instant", () => {
  assert.deepEqual(segments([[20, 20]]), [bar(0, 0, "instant", 15, 10)]);
});

test("an ongoing period goes on to the edge, and is to be seen when it has just begun", () => {
  assert.deepEqual(segments([[40, null]]), [bar(0, 0, "ongoing", 40, 60)]);
  assert.deepEqual(segments([[98, null]]), [bar(0, 0, "ongoing", 98, 6)]);
});

test("a period too short for a pixel can be seen", () => {
  assert.deepEqual(segments([[50, 50.1]]), [bar(0, 0, "closed", 50, 1.5)]);
});

test("periods that touch are one bar with a mark at each joint", () => {
  assert.deepEqual(segments([[0, 20], [20, 40], [40, null]]), [
    bar(0, 2, "ongoing", 0, 100, [20, 40]),
  ]);
  assert.deepEqual(segments([[0, 20], [21, 40]]).map(({ from, to }) => [from, to]), [[0, 0], [1, 1]]);
});

test("periods that touch are ongoing where the last of them is, seen or not", () => {
  const kinds = (extents, left) => segments(extents, left).map(({ kind }) => kind);
  assert.deepEqual(kinds([[0, 20], [20, 150], [150, null]]), ["ongoing"]);
  assert.deepEqual(kinds([[0, 20], [20, 150], [150, 160]]), ["closed"]);
  assert.deepEqual(kinds([[10, 12], [13, 14], [14, null]]), ["closed", "ongoing"]);
});

test("a joint is marked where there is room for it", () => {
  assert.deepEqual(segments([[0, 20], [20, 22], [22, 50]]), [bar(0, 2, "closed", 0, 50, [22])]);
});

test("a dose at the end of a period is a mark of its own", () => {
  assert.deepEqual(segments([[0, 20], [20, 20]]).map(({ kind }) => kind), ["closed", "instant"]);
});

test("narrow neighbours that can't be told apart are one bar, which names all its periods", () => {
  assert.deepEqual(segments([[10, 12], [13, 15], [80, 90]]), [
    bar(0, 1, "dense", 10, 5), bar(2, 2, "closed", 80, 10),
  ]);
});

test("narrow bars with room between them are two", () => {
  assert.deepEqual(segments([[10, 12], [14, 16]]).map(({ kind }) => kind), ["closed", "closed"]);
});

test("what the patient is on now is a bar of its own, however near the one before is", () => {
  assert.deepEqual(segments([[10, 12], [13, null]]), [
    bar(0, 0, "closed", 10, 2), bar(1, 1, "ongoing", 13, 87),
  ]);
});

test("marks may cover each other by half before they are one, of doses alone", () => {
  assert.deepEqual(segments([[20, 20], [25, 25]]).map(({ kind }) => kind), ["instant", "instant"]);
  assert.deepEqual(segments([[20, 20], [24, 24], [27, 27]]), [bar(0, 2, "doses", 15, 17)]);
  assert.deepEqual(segments([[20, 20], [22, 23]]).map(({ kind }) => kind), ["dense"]);
});

test("periods outside what is shown are no bars", () => {
  assert.deepEqual(segments([[0, 40], [120, 130], [250, 260]], 100), [bar(1, 1, "closed", 20, 10)]);
});

test("half of a mark at the left edge is shown", () => {
  assert.deepEqual(segments([[0, 40], [100, 100]], 100), [bar(1, 1, "instant", -5, 10)]);
});

test("bars end a little outside, however far their periods reach", () => {
  assert.deepEqual(segments([[-1e12, 50], [60, 1e12]]), [
    bar(0, 0, "closed", -50, 100), bar(1, 1, "closed", 60, 90),
  ]);
});

test("ten thousand periods on a few pixels are one bar", () => {
  const many = Array.from({ length: 10_000 }, (_, at) => [at / 1_000, (at + 0.5) / 1_000]);
  const [only, ...others] = segments(many);
  assert.deepEqual([only.from, only.to, only.kind, only.x, others], [0, 9_999, "dense", 0, []]);
});

test("a row without periods has no bars", () => {
  assert.deepEqual(segments([]), []);
});
