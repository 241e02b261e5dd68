// What of a row's periods can be told apart at a scale. It bounds the number of bars by the
// width of the screen, however many periods there are.

import { firstEndingAfter } from "./rows.js";

const NARROW = 6;
const MARK = 5;

/** Return bars {x, width, kind, from, to}; `from` and `to` are indices of the row's periods. */
export function toSegments(periods, x, [left, right], width) {
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
  const start = x(period.start);
  if (period.end === period.start) {
    return { x: start - MARK, width: 2 * MARK, kind: "instant", from: at, to: at };
  }
  const end = period.end === null ? Math.max(width, start + NARROW) : x(period.end);
  // Far outside, coordinates grow beyond what a renderer can hold.
  const shown = Math.max(start, -50);
  const length = Math.max(Math.min(end, width + 50) - shown, 2);
  return { x: shown, width: length, kind: period.end === null ? "ongoing" : "closed", from: at, to: at };
}

function isBlurred(last, next) {
  const gap = next.x - (last.x + last.width);
  if (last.kind === "instant" && next.kind === "instant") return gap < -MARK;
  return gap < 1 && next.kind !== "ongoing" && Math.min(last.width, next.width) < NARROW;
}

function absorb(last, next) {
  last.width = Math.max(next.x + next.width, last.x + last.width) - last.x;
  last.kind = "dense";
  last.to = next.to;
}
