// The time axis with its grid, the line that is now, and how many medications at once.

import * as d3 from "./d3.js";
import { tick } from "./words.js";

const LABEL = 110;
export const LANE = { bottom: 66, height: 26 };

/** Draw the axis and return the times that it names. */
export function drawAxis(axis, { scale, width }) {
  // A label near an edge would be cut off.
  const ticks = scale.ticks(Math.max(2, Math.round(width / LABEL)))
    .filter((each) => scale(each) > 32 && scale(each) < width - 24);
  axis.call(d3.axisTop(scale).tickValues(ticks).tickFormat(tick).tickSizeOuter(0));
  return ticks;
}

/** Draw a line at each time and between the rows. */
export function drawGrid(grid, { scale, width }, ticks, edges, height) {
  const times = ticks.map((each) => `M${Math.round(scale(each)) + 0.5},0V${height}`);
  const rows = edges.map((edge) => `M0,${edge - 0.5}H${width}`);
  grid.attr("d", [...times, ...rows].join(""));
}

export function drawNow(line, label, { x, now, width }, height) {
  const at = x(now);
  line.attr("x1", at).attr("x2", at).attr("y2", height);
  label.attr("x", at - 4).attr("visibility", at > 30 && at < width ? null : "hidden");
}

/** Draw the number of medications at once as steps: of a pixel's steps the highest shows. */
export function drawLane(lane, { x, left, right, width }, steps) {
  const most = d3.max(steps, (step) => step.count) ?? 1;
  const { bottom } = LANE;
  const height = d3.scaleLinear([0, most], [bottom, bottom - LANE.height]);
  const first = d3.bisector((step) => step.instant).right(steps, left);
  let level = steps[first - 1]?.count ?? 0;
  const path = [`M0,${bottom}V${height(level)}`];
  for (let at = first; at < steps.length && steps[at].instant <= right;) {
    const pixel = Math.round(x(steps[at].instant));
    let peak = level;
    for (; at < steps.length && Math.round(x(steps[at].instant)) === pixel; at += 1) {
      level = steps[at].count;
      peak = Math.max(peak, level);
    }
    path.push(`H${pixel}V${height(peak)}V${height(level)}`);
  }
  lane.attr("d", `${path.join("")}H${width}V${bottom}Z`);
}
