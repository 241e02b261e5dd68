import assert from "node:assert/strict";
import { test } from "node:test";

import { read, written } from "../../../consumer_app/web/fragment.js";

const BEGIN = Date.parse("2026-03-01T08:00:00Z");
const EMPTY = { patient: "", gap: "exact", medications: [], window: null, instant: null, why: null };

test("what is looked at is read from the address as it was written into it", () => {
  const state = {
    patient: "K 7&8",
    gap: "30d",
    medications: ["X", "Y = Z"],
    window: { from: BEGIN, to: BEGIN + 5 },
    instant: BEGIN + 2,
    why: { medication: "Piperacillin / tazobactam 4.5 g", time: BEGIN, end: BEGIN + 9 },
  };
  assert.deepEqual(read(`#${written(state)}`), state);
});

for (const [what, more] of [
  ["a period that goes on", { end: null }],
  ["a dose", { end: BEGIN }],
  ["a report without effect", {}],
]) {
  test(`${what} that is explained is in the address`, () => {
    const state = { ...EMPTY, patient: "1", why: { medication: "X/Y 1 g", time: BEGIN, ...more } };
    assert.deepEqual(read(`#${written(state)}`), state);
  });
}

test("of what is usual nothing stands in the address", () => {
  assert.equal(String(written({ ...EMPTY, patient: "1" })), "patient=1");
  assert.deepEqual(read("#patient=1"), { ...EMPTY, patient: "1" });
});

test("nonsense in an address is left aside", () => {
  for (const nonsense of ["gap=never", "from=2026-03-02&to=2026-03-01", "from=x", "at=soon", "why=X"]) {
    assert.deepEqual(read(`#${nonsense}`), EMPTY);
  }
});
