// What the timeline is made of: a head that stays, and below it the rows, which scroll.

import { LANE } from "./axis.js";

const HATCHING = '<pattern id="beyond" width="6" height="6" patternUnits="userSpaceOnUse" '
  + 'patternTransform="rotate(45)"><rect width="2.5" height="6"></rect></pattern>';

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
  plot.append("defs").html(HATCHING);
  return {
    plot,
    grid: add(plot, "path", "grid"),
    content: plot.append("g"),
    outline: add(plot, "rect", "outline").attr("rx", 4),
    now: add(plot, "line", "now"),
    cross: add(plot, "line", "cross").attr("visibility", "hidden"),
  };
}

function add(parent, name, kind) {
  return parent.append(name).attr("class", kind);
}
