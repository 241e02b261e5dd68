// Why a period is here, or what a report did: the events of it, and what became of each.

import { arrivalInWords, arrivalsOf, tagOf } from "./arrivals.js";
import { chips } from "./on.js";
import { button, element, focusAgain, named } from "./elements.js";
import { explain, NoAnswer, pagesOfEvents } from "./service.js";
import { eventsOf, summary, why } from "./story.js";
import { waitFor } from "./waiting.js";
import { actions, extent, reasons, time } from "./words.js";

export class Explanation {
  /** `onClose()` is called to close it, `onProblem(error)` when there is no answer. */
  constructor(section, { onClose, onProblem }) {
    Object.assign(this, { section, onClose, onProblem, shown: null, origin: null, isAsked: false });
    section.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.leave();
    });
  }

  /** What comes next is asked for by a person: it gets the focus, and who closes it is led back. */
  from(origin) {
    this.origin = origin;
    this.isAsked = true;
  }

  /** Explain what the address names, as drawn of an answer, unless it is explained; null closes it. */
  async follow(asked, drawn, zone) {
    if (asked === null) return this.close();
    const { answer } = drawn;
    const key = JSON.stringify([asked, answer.tag, answer.patient, drawn.gap, zone]);
    if (key === this.shown) return;
    this.pending?.abort();
    const { signal } = this.pending = new AbortController();
    this.shown = key;
    try {
      const period = periodOf(asked, drawn);
      // What is in the list is explained as it is there, whatever the chart joins.
      const gap = answer.periods.some((each) => areEqual(each, period)) ? "exact" : drawn.gap;
      const { periods, events } = await waitFor(
        explain(answer, gap, asked.medication, signal),
        () => this.fill(asked.medication, ["Loading …"], []));
      this.show(asked, answer, { period, gap, periods, events });
      this.isAsked = false;
      this.tell(await arrivalsOf(this.events, pagesOfEvents(answer, signal)));
    } catch (error) {
      if (signal.aborted) return;
      this.close();
      this.onProblem(error);
    }
  }

  show(asked, answer, { period, gap, periods, events }) {
    const explained = period && { period: sameAs(period, periods), periods, events };
    const anomaly = answer.anomalies.find(({ medication, time: at }) =>
      medication === asked.medication && at === asked.time);
    if (explained?.period) this.explainPeriod(period, explained, gap);
    else if (anomaly) this.explainAnomaly(anomaly, events);
    else throw new NoAnswer("What was to be explained is not there any more.");
  }

  explainPeriod(period, explained, gap) {
    this.events = eventsOf(explained);
    const now = Date.now();
    this.fill(period.medication, [
      element("p", { textContent: extent(period) }),
      element("p", { textContent: summary(explained, gap, now) }),
      ...chips(period, now),
    ], this.events.map((event) => item(event, why(event, explained))));
  }

  explainAnomaly({ medication, time: at, action, reason }, events) {
    this.events = events.filter((event) =>
      Date.parse(event.event_time) === at && event.action === action);
    const words = element("p", { textContent: "A report without effect." });
    const told = reasons[reason] ?? "It changes nothing.";
    this.fill(medication, [words], this.events.map((event) => item(event, told)));
  }

  fill(medication, words, items) {
    const heading = element("div", { className: "heading" },
      named("h2", medication, { id: "explanation-heading" }), button("Close", () => this.leave()));
    this.section.replaceChildren(heading, ...words, element("ol", {}, ...items));
    this.section.hidden = false;
    document.body.classList.add("explained");
    if (!this.isAsked) return;
    this.section.scrollTop = 0;
    this.section.focus({ preventScroll: true });
  }

  /** Tell when each report was received. */
  tell(arrivals) {
    this.events.forEach((event, at) => {
      const received = arrivals.get(tagOf(event));
      if (received === undefined) return;
      const place = this.section.querySelectorAll(".arrival")[at];
      place.textContent = arrivalInWords(Date.parse(event.event_time), received);
    });
  }

  close() {
    this.pending?.abort();
    this.shown = null;
    this.section.hidden = true;
    document.body.classList.remove("explained");
  }

  leave() {
    const { origin } = this;
    this.origin = null;
    this.onClose();
    // Another answer may have made what was clicked anew.
    if (origin?.isConnected) origin.focus();
    else focusAgain(document, origin?.dataset.key ?? null);
  }
}

/**
 * The period that is asked for, as it is drawn or in the answer itself; one that has ended since, or
 * goes on again, is still the same.
 */
function periodOf({ medication, time: at, end }, { periods, answer }) {
  if (end === undefined) return null;
  const found = [...answer.periods, ...periods]
    .filter((each) => each.medication === medication && each.start === at);
  return found.find((each) => each.end === end) ?? found.at(-1);
}

const areEqual = (one, other) => other !== null && other !== undefined
  && ["medication", "start", "end"].every((field) => one[field] === other[field]);

function sameAs(period, periods) {
  return periods.find(({ start, end }) => Date.parse(start) === period.start
    && (end === null ? null : Date.parse(end)) === period.end);
}

function item(event, words) {
  const what = element(["cancelled", "superseded"].includes(event.role) ? "s" : "span");
  const at = Date.parse(event.event_time);
  what.append(element("b", { textContent: actions[event.action] }), " ", element("time", {
    dateTime: event.event_time, title: event.event_time, textContent: time(at),
  }));
  return element("li", { className: event.role }, what, ...marks(event),
    element("span", { className: "what", textContent: words }),
    element("span", { className: "arrival" }));
}

function marks({ order_id, event_id, record_id }) {
  return [["order", order_id], ["event", event_id], ["record", record_id]].filter(([, id]) => id)
    .map(([name, id]) => named("span", `${name} ${id}`, { className: "mark" }));
}
