import assert from "node:assert/strict";
import { test } from "node:test";

import { changesBetween, unseen } from "../../../consumer_app/web/changes.js";

const period = (medication, start, end = null) => ({ medication, start, end });
const answer = (periods, anomalies = []) => ({ periods, anomalies });
const X = period("X", 0);

test("nothing changes between equal answers", () => {
  assert.deepEqual(changesBetween(answer([X]), answer([{ ...X }])), []);
});

for (const [kind, before, after, time] of [
  ["new", [], [X], 0],
  ["ended", [X], [period("X", 0, 5)], 5],
  ["reopened", [period("X", 0, 5)], [X], 0],
  ["gone", [X], [], 0],
]) {
  test(`a period is told when it is ${kind}`, () => {
    assert.deepEqual(
      changesBetween(answer(before), answer(after)), [{ kind, medication: "X", start: 0, time }]);
  });
}

test("a report without effect is told once", () => {
  const vain = { medication: "X", time: 3, action: "stop", order_id: null, reason: "r" };
  assert.deepEqual(
    changesBetween(answer([X]), answer([X], [vain])),
    [{ kind: "vain", medication: "X", start: 3, time: 3 }]);
  assert.deepEqual(changesBetween(answer([X], [vain]), answer([X], [{ ...vain }])), []);
});

test("of what was not seen yet, the last of a period counts", () => {
  const [began, ended] = ["new", "ended"].map((kind) => ({ kind, medication: "X", start: 0 }));
  const other = { kind: "new", medication: "Y", start: 0 };
  assert.deepEqual(unseen([began, other], [ended]), [ended, other]);
});
