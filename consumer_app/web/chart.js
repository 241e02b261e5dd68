// The timeline: one row a medication, drawn in SVG; only rows and bars that can be seen exist.

import { countAtOnce, holdsAt } from "./rows.js";
import { toSegments } from "./segments.js";
import { count, duration, range, tick, time } from "./words.js";

const { d3 } = globalThis;

const ROW = 34;
const BAR = 18;
const HEAD = 66;
const LANE = 26;
const PRINTED_WIDTH = 980;
const MINUTE = 60_000;

export class Chart {
  /** `onChoose(period)` and `onAnomaly(anomaly)` are called for what is clicked. */
  constructor(element, readout, { onChoose, onAnomaly }) {
    this.element = d3.select(element);
    this.readout = readout;
    this.onChoose = onChoose;
    this.onAnomaly = onAnomaly;
    this.rows = [];
    this.chosen = null;
    this.lay();
    this.zoom = d3.zoom()
      .wheelDelta(wheelDelta)
      .filter((event) => (event.type === "wheel" ? event.ctrlKey || event.metaKey : !event.button))
      .on("zoom", ({ transform }) => {
        this.transform = transform;
        this.redraw();
      });
    this.plot.call(this.zoom).on("dblclick.zoom", null);
    this.listen();
  }

  lay() {
    const head = this.element.append("div").attr("class", "head");
    const corner = head.append("div").attr("class", "corner").attr("aria-hidden", "true");
    this.range = corner.append("span");
    corner.append("span").text("At once");
    this.head = head.append("svg").attr("height", HEAD).attr("aria-hidden", "true");
    this.axis = this.head.append("g").attr("class", "axis").attr("transform", "translate(0,24)");
    this.lane = this.head.append("path").attr("class", "lane");
    this.most = this.head.append("text").attr("class", "most").attr("x", 4).attr("y", HEAD - LANE + 8);
    this.nowLabel = this.head.append("text").attr("class", "now-label").attr("y", 34).text("now");
    this.body = this.element.append("div").attr("class", "body");
    this.labels = this.body.append("ul").attr("class", "labels").attr("aria-hidden", "true");
    this.plot = this.body.append("svg").attr("class", "plot").attr("aria-hidden", "true");
    this.plot.append("defs").html(
      '<pattern id="beyond" width="6" height="6" patternUnits="userSpaceOnUse" ' +
      'patternTransform="rotate(45)"><rect width="2.5" height="6"></rect></pattern>');
    this.grid = this.plot.append("path").attr("class", "grid");
    this.content = this.plot.append("g");
    this.outline = this.plot.append("rect").attr("class", "outline").attr("rx", 4);
    this.now = this.plot.append("line").attr("class", "now");
    this.cross = this.plot.append("line").attr("class", "cross");
  }

  listen() {
    this.body.on("scroll", () => this.redraw());
    this.plot.on("wheel.pan", (event) => this.panByWheel(event), { passive: false });
    this.plot.on("pointermove.cross", (event) => this.point(d3.pointer(event)[0]));
    this.plot.on("pointerleave.cross", () => this.point(null));
    this.plot.on("click.choose", (event) => this.click(event.target));
    new ResizeObserver(() => this.resize()).observe(this.element.node());
  }

  /** Show rows; the view stays where it is unless it is to fit them. */
  show(rows, { fit }) {
    this.rows = rows;
    this.steps = countAtOnce(rows);
    this.mostAtOnce = d3.max(this.steps, (step) => step.count) ?? 0;
    this.chosen = null;
    const label = this.labels.selectAll("li").data(rows).join("li");
    label.classed("ongoing", (row) => row.ongoing);
    label.html("").append("span").attr("class", "name").attr("title", (row) => row.name)
      .text((row) => row.name);
    label.append("span").attr("class", "amount")
      .text((row) => (row.ongoing ? "ongoing" : count(row.periods.length, "period")));
    this.plot.attr("height", Math.max(rows.length, 1) * ROW);
    if (fit || !this.base) this.reach();
    this.resize();
    if (fit) this.fit();
  }

  /** Set the widest view: from the first report until now, or the last if that is long past. */
  reach() {
    const instants = this.rows.flatMap((row) => [
      ...row.periods.flatMap(({ start, end }) => [start, end ?? Date.now()]),
      ...row.anomalies.map((anomaly) => anomaly.time),
    ]);
    const [first, last] = d3.extent(instants);
    const margin = Math.max((last - first) * 0.04, 30 * MINUTE);
    this.extent = [first - margin, last + margin];
  }

  resize(width = this.element.node().clientWidth - this.labels.node().offsetWidth) {
    if (width <= 0 || !this.extent) return;
    const view = this.base && this.scale().domain();
    this.width = width;
    this.head.attr("width", width);
    this.plot.attr("width", width);
    this.base = d3.scaleTime(this.extent, [0, width]);
    const longest = (this.extent[1] - this.extent[0]) / MINUTE;
    this.zoom.extent([[0, 0], [width, ROW]]).scaleExtent([0.5, Math.max(longest, 1)])
      .translateExtent([[-width * 2, 0], [width * 3, ROW]]);
    if (view) this.look(...view);
    else this.fit();
  }

  scale() {
    return (this.transform ?? d3.zoomIdentity).rescaleX(this.base);
  }

  look(from, to) {
    const scale = this.width / (this.base(to) - this.base(from));
    const transform = d3.zoomIdentity.scale(scale).translate(-this.base(from), 0);
    this.plot.call(this.zoom.transform, transform);
  }

  fit() {
    this.plot.call(this.zoom.transform, d3.zoomIdentity);
  }

  zoomBy(factor) {
    this.plot.call(this.zoom.scaleBy, factor);
  }

  /** Pan by a part of the view, to later times when positive. */
  pan(part) {
    this.plot.call(this.zoom.translateBy, (-part * this.width) / this.transform.k, 0);
  }

  centre(instant) {
    this.plot.call(this.zoom.translateTo, this.base(instant), 0);
  }

  panByWheel(event) {
    const across = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    if (event.ctrlKey || event.metaKey || !across) return;
    event.preventDefault();
    this.pan(across / this.width);
  }

  /** Draw once for all that changed since the last frame. */
  redraw() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  draw() {
    if (!this.base) return;
    const scale = this.scale();
    const [left, right] = scale.domain().map(Number);
    const perMillisecond = this.width / (right - left);
    const x = (instant) => (instant - left) * perMillisecond;
    this.view = { x, left, right };
    this.drawAxis(scale);
    this.drawLane();
    this.drawRows();
    this.drawNow();
    this.drawOutline();
  }

  drawAxis(scale) {
    // A label near an edge would be cut off.
    const ticks = scale.ticks(Math.max(2, Math.round(this.width / 110)))
      .filter((each) => scale(each) > 32 && scale(each) < this.width - 24);
    this.axis.call(d3.axisTop(scale).tickValues(ticks).tickFormat(tick).tickSizeOuter(0));
    this.range.text(range(this.view));
    const height = this.rows.length * ROW;
    this.grid.attr("d", ticks.map((each) => `M${Math.round(scale(each)) + 0.5},0V${height}`).join(""));
  }

  /** How many medications at once: one step a pixel at most. */
  drawLane() {
    const { x, left, right } = this.view;
    const height = d3.scaleLinear([0, Math.max(this.mostAtOnce, 1)], [HEAD, HEAD - LANE]);
    const first = d3.bisector((step) => step.instant).right(this.steps, left);
    let level = this.steps[first - 1]?.count ?? 0;
    let path = `M0,${HEAD}V${height(level)}`;
    let pixel = -1;
    let peak = 0;
    for (let at = first; at < this.steps.length && this.steps[at].instant <= right; at += 1) {
      const here = Math.round(x(this.steps[at].instant));
      if (here !== pixel && pixel >= 0) path += `H${pixel}V${height(peak)}V${height(level)}`;
      peak = here === pixel ? Math.max(peak, this.steps[at].count) : Math.max(level, this.steps[at].count);
      pixel = here;
      level = this.steps[at].count;
    }
    if (pixel >= 0) path += `H${pixel}V${height(peak)}V${height(level)}`;
    this.lane.attr("d", `${path}H${this.width}V${HEAD}Z`);
    this.most.text(`up to ${this.mostAtOnce}`);
  }

  drawRows() {
    const node = this.body.node();
    const first = this.printing ? 0 : Math.max(0, Math.floor(node.scrollTop / ROW) - 1);
    const last = this.printing ? this.rows.length
      : Math.ceil((node.scrollTop + node.clientHeight) / ROW) + 1;
    const seen = this.rows.slice(first, last);
    this.content.selectAll("g.row").data(seen, (row) => row.name).join("g")
      .attr("class", "row")
      .attr("transform", (_, at) => `translate(0,${(first + at) * ROW})`)
      .each((row, at, groups) => this.drawRow(d3.select(groups[at]), row));
  }

  drawRow(group, row) {
    const { x, left, right } = this.view;
    const segments = toSegments(row.periods, x, [left, right], this.width);
    group.selectAll("path.bar").data(segments).join("path")
      .attr("class", (segment) => `bar ${segment.kind}`)
      .attr("data-medication", row.name)
      .attr("data-from", (segment) => segment.from)
      .attr("data-to", (segment) => segment.to)
      .attr("d", shape);
    const now = x(Date.now());
    const open = segments.filter((each) => each.kind === "ongoing" && now < this.width);
    group.selectAll("rect.beyond").data(open).join("rect").attr("class", "beyond")
      .attr("x", (each) => Math.max(now, each.x)).attr("y", (ROW - BAR) / 2).attr("height", BAR)
      .attr("width", (each) => this.width - Math.max(now, each.x));
    group.selectAll("text.length").data(segments.filter((each) => roomFor(each, now))).join("text")
      .attr("class", "length").attr("y", ROW / 2)
      .attr("x", (each) => Math.max(each.x, 0) + 7)
      .text((each) => label(row.periods[each.from]));
    this.drawAnomalies(group, row);
  }

  drawAnomalies(group, row) {
    const { x, left, right } = this.view;
    const marks = [];
    row.anomalies.forEach((anomaly, index) => {
      if (anomaly.time < left || anomaly.time > right) return;
      const at = x(anomaly.time);
      if (marks.length && at - marks.at(-1).at < 7) return;
      marks.push({ at, index });
    });
    group.selectAll("path.anomaly").data(marks).join("path")
      .attr("class", "anomaly").attr("data-medication", row.name)
      .attr("data-anomaly", (mark) => mark.index)
      .attr("d", (mark) => `M${mark.at},${ROW - 13}l7,12h-14Z`);
  }

  drawNow() {
    const at = this.view.x(Date.now());
    const height = Math.max(this.rows.length, 1) * ROW;
    this.now.attr("x1", at).attr("x2", at).attr("y2", height);
    this.nowLabel.attr("x", at - 4).attr("visibility", at > 30 && at < this.width ? null : "hidden");
  }

  drawOutline() {
    const row = this.chosen && this.rows[this.chosen.row];
    const period = row?.periods[this.chosen.at];
    this.outline.attr("visibility", period ? null : "hidden");
    if (!period) return;
    const { x } = this.view;
    const isInstant = period.end === period.start;
    const start = Math.max(x(period.start) - (isInstant ? 5 : 0), -20);
    const end = period.end === null ? this.width + 20
      : Math.min(x(period.end) + (isInstant ? 5 : 0), this.width + 20);
    this.outline.attr("x", start - 3).attr("width", Math.max(end - start, 2) + 6)
      .attr("y", this.chosen.row * ROW + (ROW - BAR) / 2 - 3).attr("height", BAR + 6);
  }

  point(at) {
    this.cross.attr("visibility", at === null ? "hidden" : null);
    if (at === null || !this.view) return;
    this.cross.attr("x1", at).attr("x2", at).attr("y2", this.rows.length * ROW);
    const instant = this.view.left + (at / this.width) * (this.view.right - this.view.left);
    const on = this.rows.filter((row) => holdsAt(row, instant)).map((row) => row.name);
    this.say(`${time(Math.round(instant / MINUTE) * MINUTE)}: ${on.length ? `on ${on.join(", ")}` : "on none"}`);
  }

  say(words) {
    this.readout.textContent = words;
  }

  click(target) {
    const { medication, from, to, anomaly } = target.dataset ?? {};
    const row = this.rows.findIndex((each) => each.name === medication);
    if (row < 0) return;
    if (anomaly !== undefined) {
      this.onAnomaly(this.rows[row].anomalies[Number(anomaly)]);
    } else if (from === to) {
      this.choose(row, Number(from));
      this.onChoose(this.rows[row].periods[Number(from)]);
    } else {
      this.zoomTo(this.rows[row].periods.slice(Number(from), Number(to) + 1));
    }
  }

  zoomTo(periods) {
    const start = periods[0].start;
    const end = d3.max(periods, (period) => period.end ?? Date.now());
    const margin = Math.max((end - start) * 0.1, MINUTE);
    this.look(start - margin, end + margin);
  }

  choose(row, at) {
    this.chosen = { row, at };
    this.redraw();
  }

  /** Choose a period that was named elsewhere, and bring it into view. */
  find(period) {
    const row = this.rows.findIndex((each) => each.name === period.medication);
    if (row < 0) return;
    this.choose(row, this.rows[row].periods.indexOf(period));
    this.bringIntoView(period);
  }

  chosenPeriod() {
    return this.chosen && this.rows[this.chosen.row].periods[this.chosen.at];
  }

  /** Move the choice by periods or by rows. */
  step(periods, rows) {
    const withPeriods = this.rows.filter((row) => row.periods.length);
    if (!withPeriods.length) return;
    const current = this.chosen && withPeriods.indexOf(this.rows[this.chosen.row]);
    const to = current === null ? 0 : clamp(current + rows, withPeriods.length);
    const row = withPeriods[to];
    const at = this.chosen && to === current ? this.chosen.at + periods : this.nearest(row);
    this.choose(this.rows.indexOf(row), clamp(at, row.periods.length));
    this.bringIntoView(this.chosenPeriod());
  }

  nearest(row) {
    const start = this.chosenPeriod()?.start ?? -Infinity;
    return d3.bisector((period) => period.start).left(row.periods, start);
  }

  bringIntoView(period) {
    const { left, right } = this.view;
    if (period.start > right || (period.end ?? Date.now()) < left) this.centre(period.start);
    const node = this.body.node();
    const top = this.chosen.row * ROW;
    if (top < node.scrollTop) node.scrollTop = top;
    if (top + ROW > node.scrollTop + node.clientHeight) {
      node.scrollTop = top + ROW - node.clientHeight;
    }
  }

  /** Draw for paper: every row, as wide as a page. */
  print(printing) {
    this.printing = printing;
    this.resize(printing ? PRINTED_WIDTH - this.labels.node().offsetWidth : undefined);
    this.draw();
  }
}

/** Zoom by a half more at most for a notch of a wheel; a pinch comes in small deltas. */
function wheelDelta({ deltaY, deltaMode }) {
  const pixels = -deltaY * (deltaMode ? 20 : 1);
  return Math.max(-0.6, Math.min(0.6, pixels * 0.01));
}

function shape({ x, width, kind }) {
  const top = (ROW - BAR) / 2;
  if (kind === "instant") {
    const half = width / 2;
    return `M${x + half},${ROW / 2 - half - 2}l${half},${half + 2}l${-half},${half + 2}l${-half},${-half - 2}Z`;
  }
  // A hair's breadth between neighbours that touch.
  return `M${x},${top}h${Math.max(width - 1, 1.5)}v${BAR}h${-Math.max(width - 1, 1.5)}Z`;
}

function roomFor({ x, width, kind }, now) {
  if (kind !== "closed" && kind !== "ongoing") return false;
  const end = kind === "ongoing" ? Math.min(x + width, Math.max(now, 0)) : x + width;
  return end - Math.max(x, 0) > 84;
}

function label({ start, end }) {
  return end === null ? `${duration(Date.now() - start)}, ongoing` : duration(end - start);
}

function clamp(at, length) {
  return Math.max(0, Math.min(at, length - 1));
}
