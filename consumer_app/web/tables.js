// The same as the timeline in tables: for screen readers, for copying and for paper.

import { together } from "./rows.js";
import { actions, count, duration, reasons, state, time } from "./words.js";

const FIRST = 100;
const NAMED = 3;

export class PeriodTable {
  constructor(table, more, onChoose) {
    this.body = table.tBodies[0];
    this.table = table;
    this.more = more;
    this.onChoose = onChoose;
    more.querySelector("button").addEventListener("click", () => this.showAll());
  }

  show(periods, rows) {
    this.periods = periods;
    this.rows = rows;
    this.body.replaceChildren();
    this.append(FIRST);
  }

  showAll() {
    this.append(this.periods.length);
  }

  append(upTo) {
    const shown = this.body.rows.length;
    this.body.append(...this.periods.slice(shown, upTo).map((period) => this.row(period)));
    this.more.hidden = upTo >= this.periods.length;
    this.more.firstElementChild.textContent =
      `The first ${upTo} of ${count(this.periods.length, "period")} are shown.`;
  }

  row(period) {
    const row = document.createElement("tr");
    row.append(heading(period.medication), ...this.texts(period).map(cell), this.why(period));
    row.classList.add(state(period).replace(" ", "-"));
    return row;
  }

  texts(period) {
    const others = together(this.rows, period);
    const named = others.slice(0, NAMED).join(", ");
    return [
      time(period.start),
      period.end === null ? "—" : time(period.end),
      period.end === null ? `${duration(Date.now() - period.start)} so far`
        : duration(period.end - period.start),
      state(period),
      others.length > NAMED ? `${named} and ${others.length - NAMED} more` : named || "—",
    ];
  }

  why(period) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Why?";
    button.setAttribute("aria-label", `Why ${period.medication} from ${time(period.start)}?`);
    button.addEventListener("click", () => this.onChoose(period));
    const last = cell("");
    last.className = "tool";
    last.append(button);
    return last;
  }

  /** Copy all periods, and say in words what has been copied. */
  async copy() {
    try {
      await navigator.clipboard.writeText(this.values());
      return `${count(this.periods.length, "period")} copied, times in UTC.`;
    } catch {
      // Browsers give the clipboard to https and localhost alone.
      this.showAll();
      getSelection().selectAllChildren(this.table);
      return "The table is selected: copy it with Ctrl C.";
    }
  }

  /** All periods as tab-separated values, which a spreadsheet takes as cells. */
  values() {
    const head = ["Medication", "Start (UTC)", "End (UTC)", "State"];
    const iso = (instant) => (instant === null ? "" : new Date(instant).toISOString());
    const lines = this.periods.map((each) =>
      [each.medication.replace(/\s/g, " "), iso(each.start), iso(each.end), state(each)]);
    return [head, ...lines].map((line) => line.join("\t")).join("\n");
  }
}

export class AnomalyTable {
  constructor(section) {
    this.section = section;
    this.body = section.querySelector("tbody");
  }

  show(anomalies) {
    this.rows = new Map(anomalies.map((anomaly) => [anomaly, anomalyRow(anomaly)]));
    this.section.hidden = anomalies.length === 0;
    this.body.replaceChildren(...this.rows.values());
  }

  /** Lead to what is said of an anomaly. */
  find(anomaly) {
    const row = this.rows.get(anomaly);
    row.scrollIntoView({ block: "center" });
    row.focus();
  }
}

function anomalyRow({ medication, time: at, action, order_id, reason }) {
  const row = document.createElement("tr");
  row.tabIndex = -1;
  const texts = [time(at), actions[action], order_id ?? "—", reasons[reason]];
  row.append(heading(medication), ...texts.map(cell));
  return row;
}

function heading(text) {
  const element = document.createElement("th");
  element.scope = "row";
  element.textContent = text;
  return element;
}

function cell(text) {
  const element = document.createElement("td");
  element.textContent = text;
  return element;
}
