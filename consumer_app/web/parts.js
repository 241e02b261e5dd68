// What the timeline is made of: a head that stays, and below it the rows, which scroll.

import { LANE } from "./axis.js";

/** Lay the parts out in an element. A screen reader has the table instead of the drawing. */
export function lay(element) {
  const head = add(element, "div", "head");
  const corner = add(head, "div", "corner").attr("aria-hidden", "true");
  const body = add(element, "div", "body");
  return {
    range: corner.append("span"),
    most: corner.append("span"),
    ...layHead(head),
    body,
    labels: add(body, "ul", "labels").attr("aria-hidden", "true"),
    ...layPlot(body),
  };
}

function layHead(parent) {
  const head = parent.append("svg").attr("height", LANE.bottom).attr("aria-hidden", "true");
  return {
    head,
    axis: add(head, "g", "axis").attr("transform", "translate(0,24)"),
    lane: add(head, "path", "lane"),
    nowLabel: add(head, "text", "now-label").attr("y", 36).text("now"),
  };
}

function layPlot(parent) {
  const plot = add(parent, "svg", "plot").attr("aria-hidden", "true");
  layHatching(plot.append("defs"));
  return {
    plot,
    grid: add(plot, "path", "grid"),
    content: plot.append("g"),
    outline: add(plot, "rect", "outline").attr("rx", 4),
    now: add(plot, "line", "now"),
    cross: add(plot, "line", "cross").attr("visibility", "hidden"),
  };
}

function layHatching(parent) {
  const pattern = parent.append("pattern").attr("id", "beyond").attr("width", 6).attr("height", 6)
    .attr("patternUnits", "userSpaceOnUse").attr("patternTransform", "rotate(45)");
  pattern.append("rect").attr("width", 2.5).attr("height", 6);
}

function add(parent, name, kind) {
  return parent.append(name).attr("class", kind);
}
