// The one period that is chosen, by a click or by keyboard, among the rows that are shown.

import * as d3 from "./d3.js";

export class Choice {
  constructor() {
    this.among([]);
  }

  /** Choose among other rows, of which some places may hold none: a period that is still there. */
  among(rows, period) {
    this.rows = rows;
    this.take(-1, -1);
    if (period) this.find(period);
  }

  /** Choose a period by the index of its row and its own in it. */
  take(row, at) {
    this.row = row;
    this.at = at;
  }

  get period() {
    return this.rows[this.row]?.periods[this.at];
  }

  /** Choose a period by its medication and start, or nothing where it is not there. */
  find({ medication, start }) {
    const row = this.rows.findIndex((each) => each?.name === medication);
    this.take(row, this.rows[row]?.periods.findIndex((each) => each.start === start) ?? -1);
  }

  /** Go on by periods or by rows; the first step takes the first period. */
  step(periods, rows) {
    const choices = this.rows.filter((row) => row?.periods.length);
    if (!choices.length) return;
    const current = choices.indexOf(this.rows[this.row]);
    const to = current < 0 ? 0 : clamp(current + rows, choices.length);
    const at = to === current ? this.at + periods : this.nearest(choices[to]);
    this.take(this.rows.indexOf(choices[to]), clamp(at, choices[to].periods.length));
  }

  /** The first of a row's periods that does not start before the chosen one. */
  nearest(row) {
    const start = this.period?.start ?? -Infinity;
    return d3.bisector((period) => period.start).left(row.periods, start);
  }
}

function clamp(at, length) {
  return Math.max(0, Math.min(at, length - 1));
}
