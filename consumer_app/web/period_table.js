// The periods of the window in a table: for screen readers, for sorting and for copying.

import { doubtsInWords } from "./doubts.js";
import { button, element, focusAgain, focusedIn, named } from "./elements.js";
import { areSame, together } from "./rows.js";
import { sorted, turned } from "./sorting.js";
import { count, duration, state, time } from "./words.js";
import { zone } from "./zones.js";

const FIRST = 100;
const MORE = 200;

export class PeriodTable {
  /** `onWhy(period)` is called to explain. */
  constructor(table, more, onWhy) {
    this.table = table;
    this.body = table.tBodies[0];
    this.more = more;
    this.onWhy = onWhy;
    this.order = { by: "start", isDescending: false };
    this.headings = [...table.tHead.querySelectorAll("[data-by]")];
    for (const each of this.headings) {
      each.addEventListener("click", () => this.sort(turned(this.order, each.dataset.by)));
    }
    more.querySelector("button").addEventListener("click", () => this.showAll());
    this.scroller = table.parentElement;
    this.scroller.addEventListener("scroll", () => this.fill());
  }

  /** Show periods among all rows as of an instant; `marked` are the medications that changed. */
  show(periods, rows, now, marked) {
    const isNewAnswer = !areSame(rows, this.rows);
    const isSame = !isNewAnswer && areSame(periods, this.periods) && this.zone === zone();
    Object.assign(this, { periods, rows, now, marked, zone: zone() });
    if (isSame) this.mark();
    // What was scrolled to in the answer before is there in the new one, too.
    else this.arrange(isNewAnswer ? Math.max(this.body.rows.length, FIRST) : FIRST);
  }

  sort(order) {
    this.order = order;
    this.arrange(FIRST);
  }

  /** Make so many rows in their order, anew. */
  arrange(number) {
    this.sorted = sorted(this.periods, this.order);
    const direction = this.order.isDescending ? "descending" : "ascending";
    for (const each of this.headings) {
      each.parentElement.ariaSort = each.dataset.by === this.order.by ? direction : null;
    }
    const focused = focusedIn(this.body);
    const { scrollTop } = this.scroller;
    this.body.replaceChildren();
    this.append(number);
    this.scroller.scrollTop = scrollTop;
    focusAgain(this.body, focused);
  }

  mark() {
    [...this.body.rows].forEach((row, at) =>
      row.cells[0].classList.toggle("changed", this.marked.has(this.sorted[at].medication)));
  }

  /** Let all rows be scrolled to: each is made when it is about to be seen. */
  showAll() {
    this.scroller.classList.add("all");
    this.more.hidden = true;
    this.fill();
    this.scroller.focus();
  }

  /** Make the rows that are about to be seen. */
  fill() {
    const { scrollTop, clientHeight, scrollHeight, classList } = this.scroller;
    if (!classList.contains("all") || scrollHeight - scrollTop > 3 * clientHeight) return;
    this.append(this.body.rows.length + MORE);
  }

  append(upTo) {
    const shown = this.body.rows.length;
    this.body.append(...this.sorted.slice(shown, upTo).map((period) => this.row(period)));
    this.mark();
    const isAll = this.scroller.classList.contains("all");
    this.more.hidden = isAll || upTo >= this.sorted.length;
    this.more.firstElementChild.textContent =
      `The first ${upTo} of ${count(this.sorted.length, "period")} are shown.`;
  }

  row(period) {
    const { start, end } = period;
    const stated = state(period, this.now);
    return element("tr", { className: stated },
      element("th", { scope: "row" }, named("span", period.medication)),
      cell(time(start)),
      cell(end === null ? "—" : time(end)),
      cell(this.length(period)),
      this.doubtful(period, stated),
      this.with(period),
      element("td", { className: "tool" }, this.why(period)));
  }

  length({ start, end }) {
    if (end === start) return "—";
    if (end !== null) return duration(end - start);
    return start > this.now ? "—" : `${duration(this.now - start)} so far`;
  }

  doubtful({ doubts }, stated) {
    // That the start lies ahead is what the state says.
    const more = doubts.filter(({ kind, of }) => kind !== "in_future" || of !== "start");
    const words = doubtsInWords(more, this.now)
      .map(({ brief, full }) => element("span", { className: "chip", title: full }, brief));
    return element("td", {}, stated, ...words);
  }

  /** The medications beside a period: their number, and all with how long when opened. */
  with(period) {
    const others = together(this.rows, period, this.now);
    if (!others.length) return cell("—");
    const words = others.length > 1 ? count(others.length, "medication") : others[0].name;
    const details = element("details", { className: "with" },
      element("summary", {}, named("span", words)));
    details.addEventListener("toggle", () => details.append(element("ul", {},
      ...others.map(({ name, milliseconds }) =>
        element("li", {}, named("span", name), milliseconds ? `: ${duration(milliseconds)}` : ""))),
    ), { once: true });
    return element("td", {}, details);
  }

  why(period) {
    return button("Why?", () => this.onWhy(period), {
      "aria-label": `Why ${period.medication} from ${time(period.start)}?`,
      "data-key": `${period.start} ${period.medication}`,
    });
  }

  /** Copy all periods of the window, and say in words what has been copied. */
  async copy() {
    try {
      await navigator.clipboard.writeText(this.values());
      return `${count(this.sorted.length, "period")} copied, times in UTC.`;
    } catch {
      // Browsers give the clipboard to https and localhost alone.
      this.append(this.sorted.length);
      getSelection().selectAllChildren(this.table);
      return "The table is selected: copy it with Ctrl C.";
    }
  }

  /** All periods as tab-separated values, which a spreadsheet takes as cells. */
  values() {
    const head = ["Medication", "Start (UTC)", "End (UTC)", "State"];
    const iso = (instant) => (instant === null ? "" : new Date(instant).toISOString());
    const lines = this.sorted.map((each) => [
      each.medication.replace(/\s/g, " "), iso(each.start), iso(each.end), state(each, this.now),
    ]);
    return [head, ...lines].map((line) => line.join("\t")).join("\n");
  }
}

const cell = (text) => element("td", { textContent: text });
