import "./in_berlin.js";

import assert from "node:assert/strict";
import { test } from "node:test";

import { eventsOf, ordersAt, summary, why } from "../../../consumer_app/web/story.js";

const at = (hour) => `2021-01-01T${String(hour).padStart(2, "0")}:00:00Z`;
const event = (action, hour, role, more = {}) =>
  ({ action, event_time: at(hour), order_id: null, event_id: null, role, ...more });
const start = (hour, more) => event("start", hour, "opened", more);
const stop = (hour, more) => event("stop", hour, "closed", more);
const period = (opened_by, closed_by = null) => ({
  start: opened_by.event_time,
  end: closed_by?.event_time ?? null,
  opened_by,
  closed_by,
});

const NOW = Date.parse("2021-01-02T00:00:00Z");
const only = (one) => ({ period: one, periods: [one] });

test("a period's events are those from the end of the one before to the start of the next", () => {
  const [before, own, after] = [
    period(start(1), stop(2)), period(start(4), stop(6)), period(start(8), stop(9)),
  ];
  const vain = [3, 5, 7].map((hour) => event("start", hour, "redundant"));
  const events = [
    start(1), event("start", 1, "redundant"), stop(2), vain[0], start(4), vain[1], stop(6),
    vain[2], start(8), stop(9),
  ];
  assert.deepEqual(
    eventsOf({ period: own, periods: [before, own, after], events }),
    [vain[0], start(4), vain[1], stop(6), vain[2]]);
});

test("the only period of a medication has all of its events", () => {
  const events = [event("stop", 0, "unmatched"), start(4), event("start", 9, "redundant")];
  assert.deepEqual(eventsOf({ ...only(period(start(4))), events }), events);
});

test("of periods that touch, each has the event of its own at the instant that they share", () => {
  const [first, second] = [period(start(1), stop(2)), period(start(2), stop(3))];
  const periods = [first, second];
  const events = [start(1), stop(2), start(2), stop(3)];
  assert.deepEqual(eventsOf({ period: first, periods, events }), [start(1), stop(2)]);
  assert.deepEqual(eventsOf({ period: second, periods, events }), [start(2), stop(3)]);
});

test("of periods that begin and end at one instant, each has its own events alone", () => {
  const [a, b] = [{ event_id: "a" }, { event_id: "b" }];
  const periods = [
    period(start(1), stop(2, a)), period(start(2, a), stop(2, b)), period(start(2, b), stop(3)),
  ];
  const events = periods.flatMap(({ opened_by, closed_by }) => [opened_by, closed_by]);
  assert.deepEqual(
    periods.map((each) => eventsOf({ period: each, periods, events })),
    [events.slice(0, 2), events.slice(2, 4), events.slice(4)]);
});

test("two reports of one instant are told apart by their order and by their own identifier", () => {
  const [ours, theirs] = [start(2, { order_id: "A" }), start(2, { order_id: "B" })];
  const [one, two] = [stop(4, { event_id: "1" }), stop(4, { event_id: "2" })];
  const [before, own] = [period(theirs, one), period(ours, two)];
  const events = [ours, theirs, one, two];
  assert.deepEqual(eventsOf({ period: own, periods: [before, own], events }), [ours, two]);
});

const ordered = (name, told, order_id) => ({ ...told, medication_name: name, order_id });
const ORDERS = [
  ordered("X", start(1), "n1"), ordered("X", start(3), "n2"), ordered("X", stop(5), "n1"),
  ordered("X", stop(9), "n2"), ordered("X", event("start", 4, "cancelled"), "n3"),
  ordered("Y", start(2), null), ordered("Z", start(4), "z"), ordered("Z", stop(4), "z"),
  ordered("Z", start(4), "z"),
];
for (const [hour, held] of [
  [0, {}], [1, { X: ["n1"] }], [4, { X: ["n1", "n2"], Z: ["z"] }], [5, { X: ["n2"], Z: ["z"] }],
  [9, { X: [], Z: ["z"] }],
]) {
  test(`the orders are told that hold at an instant, not those that began or ended: ${hour}`, () => {
    assert.deepEqual(Object.fromEntries(ordersAt(ORDERS, Date.parse(at(hour)))), held);
  });
}

test("what opened and closed a period is said in two sentences", () => {
  const closed = { ...only(period(start(1), stop(2))), events: [start(1), stop(2)] };
  assert.equal(summary(closed, "exact", NOW), "A start opens it. A stop closes it.");

  const ongoing = { ...only(period(start(1))), events: [start(1)] };
  assert.equal(
    summary(ongoing, "exact", NOW),
    "A start opens it. No stop has been reported since: it is ongoing.");
});

test("of periods that touch it is told which this one follows, and how long all are together", () => {
  const periods = [period(start(1), stop(2)), period(start(2), stop(4)), period(start(4), stop(6))];
  const events = periods.flatMap(({ opened_by, closed_by }) => [opened_by, closed_by]);
  const told = periods.map((each) => summary({ period: each, periods, events }, "exact", NOW));
  const together = " Without a break the patient is on it from 1 Jan 2021 02:00 until 1 Jan 2021 07:00,"
    + " in 3 periods that touch.";
  const before = " It begins as the period before ends.";
  const after = " As it ends, the next begins.";
  assert.deepEqual(
    told.map((each) => each.replace("A start opens it. A stop closes it.", "")),
    [after, before + after, before].map((each) => each + together));
});

test("an exact period of several orders is told to be of those, not to be joined", () => {
  const several = {
    ...only(period(start(1), stop(6))),
    events: [start(1), start(2, { order_id: "B" }), stop(4), stop(6)],
  };
  assert.match(summary(several, "exact", NOW), / It is of 2 periods of several orders, which overlap.$/);
});

test("stops that are listed below an ongoing period are not said to be missing", () => {
  const other = event("stop", 3, "unmatched", { order_id: "B" });
  const ongoing = { ...only(period(start(1))), events: [start(1), other] };
  assert.equal(
    summary(ongoing, "exact", NOW),
    "A start opens it. None of the stops reported since ends it (1 below).");
});

test("what lies ahead is told to lie ahead", () => {
  const planned = { ...only(period(start(8), stop(9))), events: [start(8), stop(9)] };
  assert.equal(
    summary(planned, "exact", Date.parse(at(5))),
    "A start opens it, which lies ahead. A stop closes it, which lies ahead.");
  const open = { ...only(period(start(8))), events: [start(8)] };
  assert.equal(
    summary(open, "exact", Date.parse(at(5))),
    "A start opens it, which lies ahead. No stop has been reported.");
});

test("of a joined period it is said from how many, and by which rule", () => {
  const joined = {
    ...only(period(start(1), stop(6))),
    events: [start(1), stop(2), start(4), stop(6)],
  };
  assert.equal(
    summary(joined, "30d", NOW),
    "A start opens it. A stop closes it. "
      + "It was joined from 2 periods (periods joined over gaps of up to 30 days).");
});

for (const [what, told, said] of [
  ["the start that opens the period", start(1), "Opens the period."],
  ["the stop that closes it", stop(6), "Closes the period."],
  [
    "a later start of a joined period", start(4),
    "Begins again 3 h after the first start; joined with what came before.",
  ],
  [
    "an earlier stop of a joined period", stop(2),
    "Ends a part of it; joined with what comes after or beside it.",
  ],
  [
    "a start while the patient was on it", event("start", 5, "redundant"),
    "Changes nothing: the patient was on the medication already.",
  ],
  [
    "a stop without a start", event("stop", 0, "unmatched"),
    "Changes nothing: the patient was not on the medication.",
  ],
  [
    "a stop of another order", event("stop", 0, "unmatched", { order_id: "B" }),
    "Changes nothing: the patient was not on the medication by this order.",
  ],
  [
    "a cancel of no start", event("cancel_start", 0, "unmatched"),
    "Changes nothing: there was no start before it left to take back.",
  ],
  [
    "a cancel of no stop", event("cancel_stop", 0, "unmatched"),
    "Changes nothing: there was no stop before it left to take back.",
  ],
  [
    "an event that was cancelled",
    event("stop", 3, "cancelled", { counterpart: event("cancel_stop", 5, "cancel") }),
    "Does not count: cancelled by the report of 1 Jan 2021 06:00.",
  ],
  [
    "a cancel", event("cancel_stop", 5, "cancel", { counterpart: stop(3) }),
    "Takes back the stop of 1 Jan 2021 04:00.",
  ],
  [
    "an event of a version that is not the newest",
    event("stop", 3, "superseded", { record_version: "1", superseded_by: "2" }),
    "Does not count: version 1 of its record was replaced by 2.",
  ],
  [
    "an event of a version that is being retracted",
    event("stop", 3, "superseded", { record_version: "1", superseded_by: "" }),
    "Does not count: version 1 of its record is taken out.",
  ],
  [
    "an event of a role that a newer service gives", event("start", 3, "unheard of"),
    "Changes nothing: the service says no more of it.",
  ],
]) {
  test(`of ${what} it is said what it did`, () => {
    assert.equal(why(told, { period: period(start(1), stop(6)) }), said);
  });
}
