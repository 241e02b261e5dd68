// The time axis with its grid, and the lines of now and of the instant that is looked at.

import { tick } from "./words.js";
import { instantOf, wallOf } from "./zones.js";

import * as d3 from "./d3.js";

const LABEL = 110;

/** Draw the axis and return the times that it names, which are round in the chosen zone. */
export function drawAxis(axis, { scale, x, left, right, width }) {
  const wall = d3.scaleUtc([wallOf(left), wallOf(right)], [0, width]);
  // A label near an edge would be cut off.
  const ticks = wall.ticks(Math.max(2, Math.round(width / LABEL)))
    .map((each) => instantOf(Number(each)))
    .filter((each) => x(each) > 32 && x(each) < width - 24);
  const named = d3.axisTop(scale).tickValues(ticks).tickFormat((each) => tick(Number(each)));
  axis.call(named.tickSizeOuter(0));
  return ticks;
}

/** Draw a line at each time and between the rows. */
export function drawGrid(grid, { x, width }, ticks, edges, height) {
  const times = ticks.map((each) => `M${Math.round(x(each)) + 0.5},0V${height}`);
  const rows = edges.map((edge) => `M0,${edge - 0.5}H${width}`);
  grid.attr("d", [...times, ...rows].join(""));
}

/** Draw a line at an instant over the rows, and its name in the head where there is room. */
export function drawInstant({ line, label }, instant, { x, width }, height) {
  const at = instant === null ? -1 : x(instant);
  const isSeen = at >= 0 && at <= width;
  const visibility = isSeen ? null : "hidden";
  line.attr("visibility", visibility).attr("x1", at).attr("x2", at).attr("y2", height);
  label.attr("visibility", visibility).attr("x", at + (at > width / 2 ? -5 : 5))
    .attr("text-anchor", at > width / 2 ? "end" : "start");
}
