// What of a row's periods can be told apart at a scale. It bounds the number of bars by the
// width of the screen, however many periods there are.

import { firstEndingAfter } from "./rows.js";

const NARROW = 6;
const MARK = 5;
// Far outside, coordinates grow beyond what a renderer can hold.
const MARGIN = 50;

/** Return bars {x, width, kind, from, to}; `from` and `to` are indices of the row's periods. */
export function toSegments(periods, { x, left, right, width }) {
  const segments = [];
  // One earlier, as a zero-length period ends where it starts, and its mark is wider than it.
  for (let at = Math.max(0, firstEndingAfter(periods, left) - 1); at < periods.length; at += 1) {
    if (periods[at].start > right) break;
    const segment = toSegment(periods[at], at, x, width);
    if (segment.x + segment.width < 0) continue;
    const last = segments.at(-1);
    if (last && isBlurred(last, segment)) absorb(last, segment);
    else segments.push(segment);
  }
  return segments;
}

function toSegment(period, at, x, width) {
  const found = { from: at, to: at };
  const start = Math.max(x(period.start), -MARGIN);
  if (period.end === period.start) {
    return { ...found, kind: "instant", x: x(period.start) - MARK, width: 2 * MARK };
  }
  if (period.end === null) {
    return { ...found, kind: "ongoing", x: start, width: Math.max(width - start, NARROW) };
  }
  const end = Math.min(x(period.end), width + MARGIN);
  // A hair's breadth is left between neighbours that touch.
  return { ...found, kind: "closed", x: start, width: Math.max(end - start - 1, 1.5) };
}

function isBlurred(last, next) {
  const gap = next.x - (last.x + last.width);
  if (last.kind === "instant" && next.kind === "instant") return gap < -MARK;
  return gap < 2 && next.kind !== "ongoing" && Math.min(last.width, next.width) < NARROW;
}

function absorb(last, next) {
  last.width = Math.max(next.x + next.width, last.x + last.width) - last.x;
  last.kind = "dense";
  last.to = next.to;
}
