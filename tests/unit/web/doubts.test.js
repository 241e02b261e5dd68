import "./in_berlin.js";

import assert from "node:assert/strict";
import { test } from "node:test";

import { doubtsInWords } from "../../../consumer_app/web/doubts.js";

const HOUR = 3_600_000;
const TIME = Date.parse("2026-03-01T08:00:00Z");
const NOW = TIME + 240 * HOUR;

for (const [kind, received, brief, full] of [
  ["in_future", null, "stop planned", "Order A: the stop 1 Mar 2026 09:00 lies in the future."],
  [
    "reported_late", TIME + 2 * HOUR, "reported 2 h late",
    "Order A: what happened 1 Mar 2026 09:00 was reported 1 Mar 2026 11:00.",
  ],
  [
    "nothing_reported", null, "nothing reported for 10 d",
    "Order A: nothing was reported since 1 Mar 2026 09:00. It may have ended meanwhile.",
  ],
  [
    "other_order_stopped", null, "another order was stopped",
    "Order A: another order of the medication was stopped 1 Mar 2026 09:00."
      + " This one may have ended, too.",
  ],
  [
    "of a newer service", null, "to be checked",
    "Order A: something is doubtful of 1 Mar 2026 09:00.",
  ],
]) {
  test(`a doubt is told in brief and in full: ${kind}`, () => {
    const doubt = { kind, order_id: "A", time: TIME, received_at: received, of: "stop", count: 1 };
    assert.deepEqual(doubtsInWords([doubt], NOW), [{ kind, brief, full }]);
  });
}

const planned = {
  kind: "in_future", order_id: null, time: TIME, received_at: null, of: "stop", count: 1,
};

test("a doubt of no order names none", () => {
  const doubt = { ...planned, of: "start" };
  assert.equal(doubtsInWords([doubt], NOW)[0].full, "The start 1 Mar 2026 09:00 lies in the future.");
});

test("of several of one kind the newest is told, and how many more there are", () => {
  const late = {
    kind: "reported_late", order_id: "B", time: TIME, received_at: TIME + 2 * HOUR, count: 3,
  };
  assert.deepEqual(doubtsInWords([planned, late], NOW).map(({ brief }) => brief),
    ["stop planned", "reported 2 h late, and 2 more"]);
});
