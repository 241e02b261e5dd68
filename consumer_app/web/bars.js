// What is drawn in a medication's row: its periods, their lengths, and what had no effect.

import { toSegments } from "./segments.js";
import { count, duration } from "./words.js";

export const ROW = 38;
const BAR = 18;
const TOP = 6;
const MIDDLE = TOP + BAR / 2;
const MARK = 6;
const ROOM = 84;

/** Write the medications' names beside their rows. */
export function nameRows(labels, rows) {
  const label = labels.selectAll("li").data(rows).join("li");
  label.classed("ongoing", (row) => row.ongoing).text("");
  label.append("span").attr("class", "name").attr("title", (row) => row.name)
    .text((row) => row.name);
  label.append("span").attr("class", "amount")
    .text((row) => (row.ongoing ? "ongoing" : count(row.periods.length, "period")));
}

export function drawRow(group, row, frame) {
  const segments = toSegments(row.periods, frame);
  group.selectAll("path.bar").data(segments).join("path")
    .attr("class", (segment) => `bar ${segment.kind}`)
    .attr("data-medication", row.name)
    .attr("data-from", (segment) => segment.from)
    .attr("data-to", (segment) => segment.to)
    .attr("d", shape);
  drawBeyond(group, segments, frame);
  drawLengths(group, row, segments, frame);
  drawAnomalies(group, row, frame);
}

function shape({ x, width, kind }) {
  if (kind !== "instant") return `M${x},${TOP}h${width}v${BAR}h${-width}Z`;
  const half = width / 2;
  const up = half + 2;
  return `M${x},${MIDDLE}l${half},${-up}l${half},${up}l${-half},${up}Z`;
}

/** Hatch the part of an ongoing period that nobody knows yet. */
function drawBeyond(group, segments, { x, now, width }) {
  const open = segments.filter((each) => each.kind === "ongoing" && x(now) < width);
  const start = (segment) => Math.max(x(now), segment.x);
  group.selectAll("rect.beyond").data(open).join("rect").attr("class", "beyond")
    .attr("x", start).attr("width", (each) => width - start(each))
    .attr("y", TOP).attr("height", BAR);
}

function drawLengths(group, row, segments, frame) {
  const roomy = segments.filter((each) => room(each, frame) > ROOM);
  group.selectAll("text.length").data(roomy).join("text").attr("class", "length")
    .attr("x", (each) => Math.max(each.x, 0) + 7).attr("y", MIDDLE)
    .text((each) => length(row.periods[each.from], frame.now));
}

function room({ x: start, width, kind }, { x, now }) {
  if (kind !== "closed" && kind !== "ongoing") return 0;
  const end = kind === "ongoing" ? Math.min(start + width, x(now)) : start + width;
  return end - Math.max(start, 0);
}

function length({ start, end }, now) {
  return end === null ? `${duration(now - start)}, ongoing` : duration(end - start);
}

/** Mark what had no effect below the bars; marks that would cover each other are one. */
function drawAnomalies(group, row, { x, left, right }) {
  const marks = [];
  row.anomalies.forEach(({ time }, index) => {
    if (time < left || time > right) return;
    if (marks.length && x(time) - marks.at(-1).at < MARK) return;
    marks.push({ at: x(time), index });
  });
  group.selectAll("path.anomaly").data(marks).join("path").attr("class", "anomaly")
    .attr("data-medication", row.name)
    .attr("data-anomaly", (mark) => mark.index)
    .attr("d", ({ at }) => `M${at},${TOP + BAR - 1}l${MARK},12h${-2 * MARK}Z`);
}

/** Draw a line around the chosen period, which may be too short to be seen. */
export function drawOutline(outline, { period, row }, { x, width }) {
  outline.attr("visibility", period ? null : "hidden");
  if (!period) return;
  const within = (at) => Math.max(-20, Math.min(at, width + 20));
  const margin = period.end === period.start ? 8 : 3;
  const start = within(x(period.start)) - margin;
  const end = (period.end === null ? width + 20 : within(x(period.end))) + margin;
  outline.attr("x", start).attr("width", end - start)
    .attr("y", row * ROW + TOP - 3).attr("height", BAR + 6);
}
