// The timeline: one row a medication, drawn in SVG; only rows and bars that can be seen exist.

import { drawAxis, drawGrid, drawInstants } from "./axis.js";
import { drawOutline, drawRow } from "./bars.js";
import { Choice } from "./choice.js";
import { linesOf, nameLines, placesOf } from "./labels.js";
import { lay } from "./parts.js";
import { periodAt, reachOf } from "./rows.js";
import { roomy } from "./stays.js";
import { View } from "./view.js";
import { MINUTE, time } from "./words.js";

import * as d3 from "./d3.js";

const DRAGGED = 6;

export class Chart {
  /**
   * `onWindow()` is called while another stretch of time is chosen, `onInstant(instant)` for an
   * instant, `onWhy(item)` for the period or anomaly that is clicked, `onRows(below)` with how many
   * rows lie below what is seen.
   */
  constructor(element, actions) {
    this.element = element;
    this.actions = actions;
    this.lines = [];
    this.choice = new Choice();
    this.parts = lay(d3.select(element));
    this.view = new View(this.parts.plot, (isMoved) => {
      this.redraw();
      if (isMoved) actions.onWindow();
    });
    this.listen();
  }

  listen() {
    const { body, plot, labels, head } = this.parts;
    body.on("scroll", () => this.redraw());
    plot.on("pointermove.cross", (event) => this.point(event));
    plot.on("pointerleave.cross", () => this.point(null));
    plot.on("click.choose", (event) => this.click(event));
    labels.on("click", (event) => this.fit(d3.select(event.target.closest("li")).datum()?.row));
    head.on("pointerdown", (event) => this.measure(event));
    const anew = new ResizeObserver(() => this.resize());
    anew.observe(this.element);
    // They grow by themselves, too: where fingers take the place of a mouse, or a font comes late.
    anew.observe(this.parts.labels.node());
    setInterval(() => this.redraw(), MINUTE);
  }

  /**
   * Show groups of rows as of an answer, looked at an instant (null: now), in a window. What is
   * explained, {medication, time} or null, is chosen.
   */
  show({ groups, isUnfolded, marked, instant, asOf, window, explained }) {
    const chosen = explained
      ? { medication: explained.medication, start: explained.time } : this.choice.period;
    Object.assign(this, { instant, asOf });
    this.lines = linesOf(groups, instant, isUnfolded);
    this.places = nameLines(this.parts.labels, this.lines, marked, window);
    this.choice.among(this.lines.map(({ row }) => row), chosen);
    this.parts.instant.label.text(instant === null ? "" : time(instant));
    this.resize(window);
  }

  get height() {
    const last = this.places?.at(-1);
    return last ? last.top + last.height : 0;
  }

  /** Fit the width that there is; the stretch of time that is shown stays. */
  resize(window = this.view.base && this.view.window) {
    const { body, corner, head, labels, plot } = this.parts;
    // It ends where the window does while the page is not scrolled.
    const above = body.node().getBoundingClientRect().top + scrollY;
    this.element.style.setProperty("--above", `${Math.round(above)}px`);
    const beside = labels.node().offsetWidth;
    // Where rows scroll, the bar for it takes some of the width.
    const width = body.node().clientWidth - beside;
    if (width <= 0 || !window) return;
    corner.style("width", `${beside}px`);
    this.places = placesOf(labels);
    head.attr("width", width);
    plot.attr("width", width).attr("height", this.height);
    this.view.look(window, width);
  }

  /** Draw once for all that changed since the last frame. */
  redraw() {
    this.pending ??= requestAnimationFrame(() => {
      this.pending = null;
      this.draw();
    });
  }

  draw() {
    if (!this.places) return;
    // Before anything is drawn: to ask for it in between would have the browser lay out all anew.
    const { scrollTop, clientHeight } = this.parts.body.node();
    const bottom = scrollTop + clientHeight;
    const { axis, now, instant, outline } = this.parts;
    const frame = { ...this.view.frame(), asOf: this.asOf };
    this.drawLines(frame, drawAxis(axis, frame), scrollTop, bottom);
    const lines = [{ ...instant, instant: this.instant }, { ...now, instant: Date.now() }];
    drawInstants(lines, frame, this.height);
    this.drawCross(null);
    drawOutline(outline, this.choice.period, this.places[this.choice.row]?.top, frame);
    this.tellRest(bottom);
  }

  /** Draw the lines that can be seen between two heights. */
  drawLines(frame, ticks, top, bottom) {
    const from = d3.bisector((place) => place.top + place.height).right(this.places, top);
    const to = d3.bisector((place) => place.top).left(this.places, bottom);
    const seen = this.lines.map((_, at) => at).slice(from, to);
    const edges = seen.map((at) => this.places[at].top);
    drawGrid(this.parts.grid, frame, ticks, edges, this.height);
    const rows = seen.filter((at) => this.lines[at].row)
      .map((at) => ({ row: this.lines[at].row, top: this.places[at].top }));
    this.parts.content.selectAll("g.row").data(rows, ({ row }) => row.name).join("g")
      .attr("class", "row")
      .attr("transform", (each) => `translate(0,${each.top})`)
      .each(({ row }, index, groups) => drawRow(d3.select(groups[index]), row, frame));
  }

  tellRest(bottom) {
    const below = this.lines.filter(({ row }, at) =>
      row && this.places[at].top + this.places[at].height > bottom + 1).length;
    if (below === this.below) return;
    this.below = below;
    this.actions.onRows(below);
  }

  instantAt(x) {
    const { left, right, width } = this.view.frame();
    const step = Math.min(MINUTE, (right - left) / width);
    const exact = left + (x / width) * (right - left);
    return step < MINUTE ? Math.round(exact / 1000) * 1000 : Math.round(exact / MINUTE) * MINUTE;
  }

  point(event) {
    const isOver = event && event.pointerType !== "touch";
    this.drawCross(isOver ? this.instantAt(d3.pointer(event)[0]) : null);
  }

  drawCross(instant) {
    const { cross } = this.parts;
    cross.label.text(instant === null ? "" : time(instant));
    drawInstants([{ ...cross, instant }], this.view.frame(), this.height);
  }

  click(event) {
    const { medication, from, to, anomaly } = event.target.dataset;
    const instant = this.instantAt(d3.pointer(event)[0]);
    const row = this.lines.find((each) => each.row?.name === medication)?.row;
    if (!row) return this.actions.onInstant(instant);
    if (anomaly !== undefined) return this.actions.onWhy(row.anomalies[anomaly]);
    const drawn = row.periods.slice(Number(from), Number(to) + 1);
    if (event.target.matches(".dense, .doses")) return this.fitPeriods(row, drawn);
    // Of periods that touch, that one which was hit.
    const hit = drawn.length > 1 ? periodAt({ periods: drawn }, instant) ?? drawn[0] : drawn[0];
    return this.actions.onWhy(hit);
  }

  /** Fit all periods of a row. */
  fit(row) {
    if (row?.periods.length) this.fitPeriods(row, row.periods);
  }

  fitPeriods(row, periods) {
    this.view.look(roomy(reachOf([{ ...row, periods }], this.asOf)));
    this.actions.onWindow();
  }

  /** Choose a window by dragging over the axis. */
  measure(event) {
    const { head, chosen } = this.parts;
    const begin = d3.pointer(event, head.node())[0];
    const extent = (other) => [begin, d3.pointer(other, head.node())[0]].sort((a, b) => a - b);
    event.preventDefault();
    head.node().setPointerCapture(event.pointerId);
    head.on("pointermove", (move) => {
      const [from, to] = extent(move);
      chosen.attr("visibility", null).attr("x", from).attr("width", to - from);
    });
    head.on("pointerup pointercancel", (up) => {
      head.on("pointermove pointerup pointercancel", null);
      chosen.attr("visibility", "hidden");
      const [from, to] = extent(up);
      if (up.type !== "pointerup") return;
      if (to - from < DRAGGED) return this.actions.onInstant(this.instantAt(begin));
      this.view.look({ from: this.instantAt(from), to: this.instantAt(to) });
      this.actions.onWindow();
    });
  }

  /** Choose another period, so many periods or rows on. */
  step(periods, rows) {
    this.choice.step(periods, rows);
    if (this.choice.period) this.bringIntoView();
  }

  bringIntoView() {
    const { start, end } = this.choice.period;
    const { left, right } = this.view.frame();
    if (start > right || (end ?? this.asOf) < left) this.view.centre(start);
    const body = this.parts.body.node();
    const { top, height } = this.places[this.choice.row];
    body.scrollTop = Math.max(top + height - body.clientHeight, Math.min(body.scrollTop, top));
    this.redraw();
  }
}
