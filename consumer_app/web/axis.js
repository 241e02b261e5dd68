// The time axis with its grid, and the lines of now and of the instant that is looked at.

import { ticksOf, widthOf } from "./ticks.js";

import * as d3 from "./d3.js";

const BESIDE = 5;
// So wide is a letter of a name, at most.
const BOLD = 7.6;

/** Draw the axis and return the times that it names. */
export function drawAxis(axis, { scale, x, left, right, width }) {
  const ticks = ticksOf(left, right, width);
  const words = new Map(ticks.map(({ instant, words: each }) => [instant, each]));
  const named = d3.axisTop(scale).tickValues(words.keys())
    .tickFormat((each) => words.get(Number(each)));
  axis.call(named.tickSizeOuter(0));
  // Words near an edge would be cut off.
  axis.selectAll(".tick text").attr("visibility", (each) => {
    const half = widthOf(words.get(Number(each))) / 2;
    return x(each) >= half && x(each) <= width - half ? null : "hidden";
  });
  return [...words.keys()];
}

/** Draw a line at each time and between the rows. */
export function drawGrid(grid, { x, width }, ticks, edges, height) {
  const times = ticks.map((each) => `M${Math.round(x(each)) + 0.5},0V${height}`);
  const rows = edges.map((edge) => `M0,${edge - 0.5}H${width}`);
  grid.attr("d", [...times, ...rows].join(""));
}

/**
 * Draw lines {line, label, instant} over the rows, and their names in the head: the first has its
 * name, and the others where that leaves room.
 */
export function drawInstants(lines, { x, width }, height) {
  const taken = [];
  for (const { line, label, instant } of lines) {
    const at = instant === null ? -1 : x(instant);
    const isSeen = at >= 0 && at <= width;
    line.attr("visibility", isSeen ? null : "hidden")
      .attr("x1", at).attr("x2", at).attr("y2", height);
    const place = isSeen ? besides(at, label.text().length * BOLD, width, taken) : null;
    label.attr("visibility", place ? null : "hidden");
    if (place) taken.push(writeBeside(label, at, place));
  }
}

function writeBeside(label, at, place) {
  const isBefore = place.to < at;
  label.attr("text-anchor", isBefore ? "end" : "start").attr("x", isBefore ? place.to : place.from);
  return place;
}

/** Where words {from, to} stand beside a line: where there is room, or null. */
export function besides(at, wide, width, taken) {
  const after = { from: at + BESIDE, to: at + BESIDE + wide };
  const before = { from: at - BESIDE - wide, to: at - BESIDE };
  const sides = at > width / 2 ? [before, after] : [after, before];
  return sides.find(({ from, to }) => from >= 0 && to <= width
    && taken.every((other) => to < other.from || from > other.to)) ?? null;
}
