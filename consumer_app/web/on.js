// What the patient is on at the instant that is looked at.

import { doubtsInWords } from "./doubts.js";
import { button, element, named, put } from "./elements.js";
import { periodAt, runAt } from "./rows.js";
import { count, duration, onNone, time, touching } from "./words.js";

const byId = (id) => document.getElementById(id);

/**
 * Show the rows of what is on at an instant, null for now. `orders` are known by medications' names,
 * a list of each, `onWhy(period)` is called to explain, `marked` are the medications that changed.
 */
export function showOn({ rows, all, instant, now, orders, marked }, onWhy) {
  const at = instant ?? now;
  const when = instant === null ? "now" : `at ${time(instant)}`;
  byId("on-heading").textContent = `On ${when}: ${count(rows.length, "medication")}`;
  const items = rows.map((row) =>
    item(periodAt(row, at), runAt(row, at), { at, now, orders: orders.get(row.name) ?? [], marked }, onWhy));
  put(byId("on-list"), ...(items.length ? items : [element("li", {}, onNone(all, at))]));
}

function item(period, run, { at, now, orders, marked }, onWhy) {
  const why = button("Why?", () => onWhy(period), {
    "data-key": keyOf(period), "aria-label": `Why ${period.medication} from ${time(period.start)}?`,
  });
  return element("li", { className: marked.has(period.medication) ? "changed" : "" },
    element("div", { className: "title" }, named("b", period.medication), why),
    element("p", {}, since(run, at), ...orders.flatMap((order) => [" ", mark(order)])),
    ...chips(period, now, at === now ? "" : "as of now: "));
}

const keyOf = ({ start, medication }) => `${start} ${medication}`;

function since({ start, end, number }, at) {
  const begun = `since ${time(start)}, for ${duration(at - start)}${touching(number)}`;
  return end === null ? begun : `${begun}; until ${time(end)}`;
}

const mark = (order) => named("span", `order ${order}`, { className: "mark" });

/** What is doubtful of a period now, as chips with their reasons; `asOf` is said before each. */
export function chips(period, now, asOf = "") {
  return doubtsInWords(period.doubts, now).map(({ kind, brief, full }) =>
    element("details", { className: "chip", "data-key": `${keyOf(period)} ${kind}` },
      element("summary", { textContent: asOf + brief }), full));
}

