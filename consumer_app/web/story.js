// What became of a medication's events, and which of them tell of one period.

import { runsOf } from "./rows.js";
import { count, duration, gaps, reasons, time, touching } from "./words.js";

const unmatched = {
  stop: reasons.stop_without_start,
  cancel_start: reasons.cancel_start_without_start,
  cancel_stop: reasons.cancel_stop_without_stop,
};

/** Why a report has no effect; of one of an order that is true of this order alone. */
function inVain({ action, order_id: order }) {
  const reason = unmatched[action] ?? "The service says no more of it.";
  return order && action === "stop" ? reason.replace(".", " by this order.") : reason;
}

/** The events between the neighbouring periods: those that made this one, and those in vain. */
export function eventsOf({ period, periods, events }) {
  const at = periods.indexOf(period);
  const from = at > 0 ? Date.parse(periods[at - 1].end) : -Infinity;
  const to = at < periods.length - 1 ? Date.parse(periods[at + 1].start) : Infinity;
  const own = [period.opened_by, period.closed_by];
  // At one instant several periods may begin and end.
  const others = periods.filter((each) => each !== period && meets(each, from, to))
    .flatMap(({ opened_by, closed_by }) => [opened_by, closed_by]);
  return events.filter((event) => {
    if (own.some((each) => isSame(event, each))) return true;
    const when = Date.parse(event.event_time);
    return when >= from && when <= to && !others.some((each) => isSame(event, each));
  });
}

function meets({ start, end }, from, to) {
  return Date.parse(start) <= to && (end === null || Date.parse(end) >= from);
}

/**
 * The orders by which the patient is on medications at an instant, by names: those that were opened
 * until then more often than closed. Events without an order tell of none.
 */
export function ordersAt(events, instant) {
  const open = new Map();
  for (const { medication_name: name, order_id: order, role, event_time } of events) {
    if (order === null || !(role in steps) || Date.parse(event_time) > instant) continue;
    if (!open.has(name)) open.set(name, new Map());
    const ofName = open.get(name);
    ofName.set(order, (ofName.get(order) ?? 0) + steps[role]);
  }
  return new Map([...open].map(([name, ofName]) =>
    [name, [...ofName].filter(([, often]) => often > 0).map(([order]) => order)]));
}

const steps = { opened: 1, closed: -1 };

/** What a period is made of, as of an instant, in a few sentences. */
export function summary(explained, gap, now) {
  const own = eventsOf(explained);
  const made = own.filter((event) => event.role === "opened").length;
  const parts = [beginning(explained.period, now), ending(explained.period, own, now)];
  if (made > 1) parts.push(joined(count(made, "period"), gap));
  return [...parts, ...handover(explained)].join(" ");
}

/** Without a gap it is the periods of several orders that become one, where they overlap. */
function joined(made, gap) {
  return gap === "exact" ? `It is of ${made} of several orders, which overlap.`
    : `It was joined from ${made} (${gaps[gap].words}).`;
}

/** Which periods of the medication touch this one: without a break, the patient is on it for longer. */
function handover({ period, periods }) {
  const read = periods.map(({ start, end }) =>
    ({ start: Date.parse(start), end: end === null ? null : Date.parse(end) }));
  const own = read[periods.indexOf(period)];
  const { start, end, number } = runsOf(read)[periods.indexOf(period)];
  const parts = [];
  if (start < own.start) parts.push("It begins as the period before ends.");
  if (end !== own.end) parts.push("As it ends, the next begins.");
  if (!parts.length) return [];
  const until = end === null ? "" : ` until ${time(end)}`;
  return [...parts, `Without a break the patient is on it from ${time(start)}${until}${touching(number)}.`];
}

function beginning({ opened_by: { event_time: at } }, now) {
  return Date.parse(at) > now ? "A start opens it, which lies ahead." : "A start opens it.";
}

function ending({ start, closed_by: stop }, own, now) {
  if (stop) {
    return Date.parse(stop.event_time) > now ? "A stop closes it, which lies ahead."
      : "A stop closes it.";
  }
  const stops = own.filter(({ action, event_time }) =>
    action === "stop" && Date.parse(event_time) >= Date.parse(start));
  if (stops.length) return `None of the stops reported since ends it (${stops.length} below).`;
  return Date.parse(start) > now ? "No stop has been reported."
    : "No stop has been reported since: it is ongoing.";
}

/** Say what an event did, in a sentence. */
export function why(event, { period }) {
  // A role that a newer service gives is told like an event without effect.
  return (sentences[event.role] ?? sentences.unmatched)(event, period);
}

const sentences = {
  opened: (event, period) => (isSame(event, period.opened_by) ? "Opens the period."
    : `Begins again ${since(event, period)}; joined with what came before.`),
  closed: (event, period) => (isSame(event, period.closed_by) ? "Closes the period."
    : "Ends a part of it; joined with what comes after or beside it."),
  redundant: () => `Changes nothing: ${lower(reasons.redundant_start)}`,
  cancelled: ({ counterpart }) =>
    `Does not count: cancelled by the report of ${timeOf(counterpart)}.`,
  cancel: ({ counterpart }) =>
    `Takes back the ${counterpart.action} of ${timeOf(counterpart)}.`,
  superseded: ({ record_version, superseded_by }) => {
    const what = superseded_by ? `was replaced by ${superseded_by}` : "is taken out";
    return `Does not count: version ${record_version} of its record ${what}.`;
  },
  unmatched: (event) => `Changes nothing: ${lower(inVain(event))}`,
};

function timeOf(event) {
  return time(Date.parse(event.event_time));
}

function since(event, period) {
  const passed = Date.parse(event.event_time) - Date.parse(period.start);
  return `${duration(passed)} after the first start`;
}

function lower(sentence) {
  return sentence[0].toLowerCase() + sentence.slice(1);
}

function isSame(one, other) {
  return Boolean(other) && ["action", "event_time", "order_id", "event_id", "record_id", "record_version"]
    .every((field) => one[field] === other[field]);
}
