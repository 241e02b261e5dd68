// What of a row's periods can be told apart at a scale. It bounds the number of bars by the
// width of the screen, however many periods there are.

import { firstEndingAfter } from "./rows.js";

const NARROW = 6;
const MARK = 5;
const JOINT = 4;
// Far outside, coordinates grow beyond what a renderer can hold.
const MARGIN = 50;

/**
 * Return bars {x, width, kind, from, to, joints}; `from` and `to` are indices of the row's periods,
 * `joints` the places at which periods of one bar touch. Periods that touch are of the kind that all
 * of them are together, also of those that can't be seen.
 */
export function toSegments(row, { x, left, right, width }) {
  const { periods, runs } = row;
  const segments = [];
  // One earlier, as a zero-length period ends where it starts, and its mark is wider than it.
  for (let at = Math.max(0, firstEndingAfter(periods, left) - 1); at < periods.length; at += 1) {
    if (periods[at].start > right) break;
    const segment = toSegment(row, at, x, width);
    if (segment.x + segment.width < 0) continue;
    const last = segments.at(-1);
    if (last && isSameRun(last, segment, runs)) join(last, segment);
    else if (last && isBlurred(last, segment)) absorb(last, segment);
    else segments.push(segment);
  }
  return segments;
}

function toSegment({ periods, runs }, at, x, width) {
  const own = toBar(periods[at], x, width);
  const kind = runs[at].end === null ? "ongoing" : own.kind;
  return { ...own, kind, from: at, to: at, joints: [] };
}

function toBar(period, x, width) {
  const start = Math.max(x(period.start), -MARGIN);
  if (period.end === period.start) {
    return { kind: "instant", x: x(period.start) - MARK, width: 2 * MARK };
  }
  if (period.end === null) {
    return { kind: "ongoing", x: start, width: Math.max(width - start, NARROW) };
  }
  const end = Math.min(x(period.end), width + MARGIN);
  return { kind: "closed", x: start, width: Math.max(end - start, 1.5) };
}

function isSameRun(last, next, runs) {
  return last.kind !== "dense" && runs[last.to] === runs[next.from];
}

/** Draw on without a gap; a joint is marked where there is room for it. */
function join(last, next) {
  const before = last.joints.at(-1) ?? last.x;
  if (next.x - before >= JOINT && next.width >= JOINT) last.joints.push(next.x);
  last.width = next.x + next.width - last.x;
  last.to = next.to;
}

function isBlurred(last, next) {
  const gap = next.x - (last.x + last.width);
  if (areMarks(last) && areMarks(next)) return gap < -MARK;
  return gap < 2 && next.kind !== "ongoing" && Math.min(last.width, next.width) < NARROW;
}

const areMarks = ({ kind }) => kind === "instant" || kind === "doses";

function absorb(last, next) {
  last.kind = areMarks(last) && areMarks(next) ? "doses" : "dense";
  last.width = Math.max(next.x + next.width, last.x + last.width) - last.x;
  last.to = next.to;
  last.joints = [];
}
