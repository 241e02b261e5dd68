// Why a period is here: the events that made it, and what became of each.

import { actions, count, duration, extent, gaps, reasons, time } from "./words.js";

const unmatched = {
  stop: reasons.stop_without_start,
  cancel_start: reasons.cancel_start_without_start,
  cancel_stop: reasons.cancel_stop_without_stop,
};

export function showExplanation(section, period, explained, gap, onClose) {
  const heading = element("h2", period.medication);
  heading.id = "explanation-heading";
  const close = element("button", "Close");
  close.type = "button";
  close.addEventListener("click", onClose);
  const top = element("div");
  top.className = "heading";
  top.append(heading, close);
  const list = element("ol");
  list.append(...eventsOf(explained).map((event) => item(event, explained)));
  section.replaceChildren(top, element("p", extent(period)), element("p", sum(explained, gap)), list);
}

/** The events between the neighbouring periods: those that made this one, and those in vain. */
function eventsOf({ period, before, after, events }) {
  const from = before ? Date.parse(before.end) : -Infinity;
  const to = after ? Date.parse(after.start) : Infinity;
  const others = [before?.opened_by, before?.closed_by, after?.opened_by, after?.closed_by];
  return events.filter((event) => {
    const at = Date.parse(event.event_time);
    if (isSame(event, period.opened_by) || isSame(event, period.closed_by)) return true;
    return at >= from && at <= to && !others.some((other) => isSame(event, other));
  });
}

function sum({ period, ...rest }, gap) {
  const made = eventsOf({ period, ...rest }).filter((event) => event.role === "opened").length;
  const end = period.closed_by ? "A stop closes it." : "No stop has been reported since: it is ongoing.";
  const joined = made > 1 ? ` It was joined from ${count(made, "period")} (${gaps[gap].words}).` : "";
  return `A start opens it. ${end}${joined}`;
}

function item(event, explained) {
  const line = element("li");
  line.className = event.role;
  const what = element(event.role === "cancelled" ? "s" : "span");
  const at = element("time", time(Date.parse(event.event_time)));
  at.dateTime = event.event_time;
  at.title = event.event_time;
  what.append(element("b", actions[event.action]), " ", at);
  line.append(what, ...marks(event), element("span", why(event, explained)));
  return line;
}

function marks({ order_id, event_id }) {
  return [["order", order_id], ["event", event_id]].filter(([, id]) => id)
    .map(([name, id]) => Object.assign(element("span", `${name} ${id}`), { className: "mark" }));
}

function why(event, { period }) {
  const counterpart = event.counterpart && time(Date.parse(event.counterpart.event_time));
  switch (event.role) {
    case "opened":
      return isSame(event, period.opened_by) ? "Opens the period."
        : `Begins again ${since(event, period)}; joined with what came before.`;
    case "closed":
      return isSame(event, period.closed_by) ? "Closes the period."
        : "Ends a part of it; joined with what comes after or beside it.";
    case "redundant":
      return `Changes nothing: ${lower(reasons.redundant_start)}`;
    case "cancelled":
      return `Does not count: cancelled by the report of ${counterpart}.`;
    case "cancel":
      return `Takes back the ${event.counterpart.action} of ${counterpart}.`;
    default:
      return `Changes nothing: ${lower(unmatched[event.action])}`;
  }
}

function since(event, period) {
  return `${duration(Date.parse(event.event_time) - Date.parse(period.start))} after the first start`;
}

function lower(sentence) {
  return sentence[0].toLowerCase() + sentence.slice(1);
}

function isSame(one, other) {
  return Boolean(other) && ["action", "event_time", "order_id", "event_id"]
    .every((field) => one[field] === other[field]);
}

function element(name, text = "") {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}
