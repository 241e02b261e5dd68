import "./in_berlin.js";

import assert from "node:assert/strict";
import { test } from "node:test";

import { arrivalInWords, arrivalsOf, tagOf } from "../../../consumer_app/web/arrivals.js";

const HOUR = 3_600_000;
const TIME = Date.parse("2026-03-01T08:00:00Z");
const event = (order_id) =>
  ({ medication_name: "X", action: "start", event_time: "2026-03-01T08:00:00Z", order_id });

test("reports are found in the pages of all, and no page is asked for when all are found", async () => {
  const received_at = "2026-03-01T09:00:00Z";
  let asked = 0;
  async function* pages() {
    for (const order of ["A", "B", "C"]) {
      asked += 1;
      yield [{ ...event(order), event_id: null, received_at }];
    }
  }
  const found = await arrivalsOf([{ ...event("B"), role: "opened" }], pages());
  assert.deepEqual([...found], [[tagOf(event("B")), Date.parse(received_at)]]);
  assert.equal(asked, 2);
});

for (const [late, said] of [
  [2 * HOUR, "received 1 Mar 2026 11:00, 2 h later"],
  [30_000, "received 1 Mar 2026 09:00:30, at once"],
  [-HOUR, "received 1 Mar 2026 08:00, 1 h ahead"],
]) {
  test(`when a report came is told with how late that was: ${said}`, () => {
    assert.equal(arrivalInWords(TIME, TIME + late), said);
  });
}
