// What is drawn in a medication's row: its periods, their lengths, and what had no effect.

import { toSegments } from "./segments.js";
import { duration } from "./words.js";

const BAR = 16;
const TOP = 5;
const MIDDLE = TOP + BAR / 2;
const MARK = 5;
// So wide is a letter of a length, at most.
const LETTER = 7;

export function drawRow(group, row, frame) {
  const segments = toSegments(row, frame);
  group.selectAll("path.bar").data(segments).join("path")
    .attr("class", (segment) => `bar ${segment.kind}`)
    .attr("data-medication", row.name)
    .attr("data-from", (segment) => segment.from)
    .attr("data-to", (segment) => segment.to)
    .attr("d", shape);
  group.selectAll("path.joint").data(segments.flatMap(({ joints }) => joints)).join("path")
    .attr("class", "joint").attr("d", (x) => `M${x},${TOP - 3}v${BAR + 6}`);
  drawBeyond(group, row, segments, frame);
  drawLengths(group, row, segments, frame);
  drawCounts(group, segments);
  drawAnomalies(group, row, frame);
}

function shape({ x, width, kind }) {
  if (kind === "doses") return diamonds(x, width);
  if (kind !== "instant") return `M${x},${TOP}h${width}v${BAR}h${-width}Z`;
  return diamond(x, width);
}

function diamond(x, width) {
  const half = width / 2;
  const up = half + 2;
  return `M${x},${MIDDLE}l${half},${-up}l${half},${up}l${-half},${up}Z`;
}

/** Many doses that can't be told apart: pointed at both ends. */
function diamonds(x, width) {
  const up = 7;
  return `M${x},${MIDDLE}l5,${-up}h${width - 10}l5,${up}l-5,${up}h${10 - width}Z`;
}

/** Hatch what lies behind the last answer: nobody knows it yet, or it is a plan. */
function drawBeyond(group, row, segments, { x, asOf, width }) {
  const known = Math.max(x(asOf), -1);
  const open = segments
    .filter(({ kind }) => kind === "ongoing" || kind === "closed" || kind === "dense")
    .filter((each) => Math.min(each.x + each.width, width) > known);
  const start = (segment) => Math.max(known, segment.x);
  const end = (segment) => Math.min(segment.x + segment.width, width);
  group.selectAll("rect.beyond").data(open).join("rect").attr("class", "beyond")
    .attr("x", start).attr("width", (each) => Math.max(end(each) - start(each), 0))
    .attr("y", TOP).attr("height", BAR);
}

function drawLengths(group, row, segments, frame) {
  const told = segments.filter(({ kind }) => kind === "closed" || kind === "ongoing")
    .map((each) => ({ ...each, text: lengthOf(row.runs[each.from], frame.asOf) }))
    .filter((each) => room(each, frame) > each.text.length * LETTER + 14);
  group.selectAll("text.length").data(told).join("text").attr("class", "length")
    .attr("x", (each) => Math.max(each.x, 0) + 7).attr("y", MIDDLE).text(({ text }) => text);
}

/** What can be seen of a bar before its first joint, and before what nobody knows. */
function room({ x: start, width: long, joints }, { x, asOf, width }) {
  const first = joints.find((joint) => joint > 0) ?? Infinity;
  return Math.min(first, start + long, x(asOf), width) - Math.max(start, 0);
}

/** How long the whole of what is drawn takes, seen or not. */
function lengthOf({ start, end }, asOf) {
  return end === null ? `${duration(asOf - start)}, ongoing` : duration(end - start);
}

/** Write how many doses a mark stands for. */
function drawCounts(group, segments) {
  const many = segments.filter(({ kind }) => kind === "doses");
  group.selectAll("text.doses").data(many).join("text").attr("class", "doses")
    .attr("x", (each) => each.x + each.width + 3).attr("y", MIDDLE)
    .text(({ from, to }) => `×${to - from + 1}`);
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
    .attr("d", ({ at }) => `M${at},${TOP + BAR - 2}l${MARK},8h${-2 * MARK}Z`);
}

/** Draw a line around the chosen period, which may be too short to be seen. */
export function drawOutline(outline, period, top, { x, width }) {
  outline.attr("visibility", period ? null : "hidden");
  if (!period) return;
  const within = (at) => Math.max(-20, Math.min(at, width + 20));
  const margin = period.end === period.start ? 8 : 3;
  const start = within(x(period.start)) - margin;
  const end = (period.end === null ? width + 20 : within(x(period.end))) + margin;
  outline.attr("x", start).attr("width", end - start)
    .attr("y", top + TOP - 3).attr("height", BAR + 6);
}
