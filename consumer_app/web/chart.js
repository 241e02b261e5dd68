// The timeline: one row a medication, drawn in SVG; only rows and bars that can be seen exist.

import { drawAxis, drawGrid, drawLane, drawNow } from "./axis.js";
import { drawOutline, drawRow, nameRows, ROW } from "./bars.js";
import { Choice } from "./choice.js";
import * as d3 from "./d3.js";
import { lay } from "./parts.js";
import { countAtOnce, holdsAt } from "./rows.js";
import { View } from "./view.js";
import { MINUTE, range, time } from "./words.js";

// A4 across, between its margins.
const PRINTED_WIDTH = 1030;

export class Chart {
  /**
   * `onPoint(words)` tells what the patient was on where the pointer is; `onView()` is called for
   * another stretch of time, `onChoose(period)` and `onAnomaly(anomaly)` for what is clicked.
   */
  constructor(element, actions) {
    this.element = element;
    this.actions = actions;
    this.rows = [];
    this.choice = new Choice();
    this.parts = lay(d3.select(element));
    this.view = new View(this.parts.plot, () => {
      this.redraw();
      actions.onView();
    });
    this.listen();
  }

  listen() {
    const { body, plot } = this.parts;
    body.on("scroll", () => this.redraw());
    plot.on("pointermove.cross", (event) => this.point(d3.pointer(event)[0]));
    plot.on("pointerleave.cross", () => this.leave());
    plot.on("click.choose", (event) => this.click(event.target.dataset));
    new ResizeObserver(() => this.resize()).observe(this.element);
    setInterval(() => this.redraw(), MINUTE);
  }

  /** Show rows, out of all that there is to see, for a stretch of time or for all of it. */
  show(rows, reach, stretch) {
    this.rows = rows;
    this.reach = reach;
    this.steps = countAtOnce(rows);
    this.choice.among(rows);
    this.parts.most.text(`At once: up to ${d3.max(this.steps, (step) => step.count) ?? 0}`);
    this.parts.plot.attr("height", this.height);
    nameRows(this.parts.labels, rows);
    this.resize(stretch);
  }

  get height() {
    return this.rows.length * ROW;
  }

  /** Fit the width that there is; the stretch of time that is shown stays. */
  resize(stretch = this.view.shown) {
    const { head, labels, plot } = this.parts;
    const inner = this.printing ? PRINTED_WIDTH : this.element.clientWidth;
    const width = inner - labels.node().offsetWidth;
    if (width <= 0 || !this.reach) return;
    head.attr("width", width);
    plot.attr("width", width);
    this.view.reach(this.reach, width);
    this.view.look(stretch);
  }

  /** Draw once for all that changed since the last frame. */
  redraw() {
    this.pending ??= requestAnimationFrame(() => {
      this.pending = null;
      this.draw();
    });
  }

  draw() {
    if (!this.reach) return;
    const { axis, lane, now, nowLabel, outline, range: shown } = this.parts;
    const frame = this.view.frame();
    shown.text(range(frame));
    this.drawRows(frame, drawAxis(axis, frame));
    drawLane(lane, frame, this.steps);
    drawNow(now, nowLabel, frame, this.height);
    drawOutline(outline, this.choice, frame);
  }

  drawRows(frame, ticks) {
    const { scrollTop, clientHeight } = this.parts.body.node();
    const first = this.printing ? 0 : Math.floor(scrollTop / ROW);
    const last = this.printing ? this.rows.length : Math.ceil((scrollTop + clientHeight) / ROW);
    const seen = this.rows.slice(first, last);
    const edges = seen.slice(1).map((_, at) => (first + at + 1) * ROW);
    drawGrid(this.parts.grid, frame, ticks, edges, this.height);
    this.parts.content.selectAll("g.row").data(seen, (row) => row.name).join("g")
      .attr("class", "row")
      .attr("transform", (_, at) => `translate(0,${(first + at) * ROW})`)
      .each((row, at, groups) => drawRow(d3.select(groups[at]), row, frame));
  }

  point(at) {
    this.parts.cross.attr("visibility", null).attr("x1", at).attr("x2", at)
      .attr("y2", this.height);
    const instant = Math.round(this.view.scale().invert(at) / MINUTE) * MINUTE;
    const on = this.rows.filter((row) => holdsAt(row, instant)).map((row) => row.name);
    this.actions.onPoint(`${time(instant)}: ${on.length ? `on ${on.join(", ")}` : "on none"}`);
  }

  leave() {
    this.parts.cross.attr("visibility", "hidden");
    this.actions.onPoint("");
  }

  click({ medication, from, to, anomaly }) {
    const row = this.rows.findIndex((each) => each.name === medication);
    if (row < 0) return;
    const { periods, anomalies } = this.rows[row];
    if (anomaly !== undefined) {
      this.actions.onAnomaly(anomalies[anomaly]);
    } else if (from === to) {
      this.choose(periods[from]);
      this.actions.onChoose(periods[from]);
    } else {
      this.view.lookAt(periods.slice(Number(from), Number(to) + 1));
    }
  }

  /** Choose a period that was named, and bring it into view. */
  choose(period) {
    this.choice.find(period);
    this.bringIntoView();
  }

  /** Choose another period, so many periods or rows on. */
  step(periods, rows) {
    this.choice.step(periods, rows);
    if (this.choice.period) this.bringIntoView();
  }

  bringIntoView() {
    const { start, end } = this.choice.period;
    const { left, right } = this.view.frame();
    if (start > right || (end ?? Date.now()) < left) this.view.centre(start);
    const body = this.parts.body.node();
    const top = this.choice.row * ROW;
    body.scrollTop = Math.max(top + ROW - body.clientHeight, Math.min(body.scrollTop, top));
    this.redraw();
  }

  /** Draw for paper at once, as wide as a page, or for the screen again. */
  print(printing) {
    this.printing = printing;
    this.resize();
    this.draw();
  }
}
