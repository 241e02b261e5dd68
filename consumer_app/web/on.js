// What the patient is on at the instant that is looked at.

import { doubtsInWords } from "./doubts.js";
import { button, element, named, put } from "./elements.js";
import { periodAt } from "./rows.js";
import { count, duration, time } from "./words.js";

const byId = (id) => document.getElementById(id);

/**
 * Show the rows of what is on at an instant, null for now. `orders` are known by medications' names,
 * `onWhy(period)` is called to explain, `marked` are the medications that changed.
 */
export function showOn({ rows, all, instant, now, orders, marked }, onWhy) {
  const at = instant ?? now;
  const when = instant === null ? "now" : `at ${time(instant)}`;
  byId("on-heading").textContent = `On ${when}: ${count(rows.length, "medication")}`;
  const items = rows.map((row) =>
    item(periodAt(row, at), { at, now, order: orders.get(row.name), marked }, onWhy));
  put(byId("on-list"), ...(items.length ? items : [element("li", {}, none(all, at))]));
}

function item(period, { at, now, order, marked }, onWhy) {
  const why = button("Why?", () => onWhy(period), {
    "data-key": keyOf(period), "aria-label": `Why ${period.medication} from ${time(period.start)}?`,
  });
  return element("li", { className: marked.has(period.medication) ? "changed" : "" },
    element("div", { className: "title" }, named("b", period.medication), why),
    element("p", {}, since(period, at), ...(order ? [" ", mark(order)] : [])),
    ...chips(period, now));
}

const keyOf = ({ start, medication }) => `${start} ${medication}`;

function since({ start, end }, at) {
  const begun = `since ${time(start)}, for ${duration(at - start)}`;
  return end === null ? begun : `${begun}; until ${time(end)}`;
}

const mark = (order) => named("span", `order ${order}`, { className: "mark" });

/** What is doubtful of a period, as chips with their reasons. */
export function chips(period, now) {
  return doubtsInWords(period.doubts, now).map(({ kind, brief, full }) =>
    element("details", { className: "chip", "data-key": `${keyOf(period)} ${kind}` },
      element("summary", { textContent: brief }), full));
}

function none(rows, at) {
  const ends = rows.flatMap((row) => row.periods).map(({ end }) => end)
    .filter((end) => end !== null && end <= at);
  if (!ends.length) return "On no medication.";
  const last = ends.reduce((one, other) => Math.max(one, other));
  return `On no medication. The last period before ended ${time(last)}.`;
}
