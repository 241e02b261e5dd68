// What the timeline is made of: a head that stays, and below it the rows, which scroll.

const HEAD = 46;

/** Lay the parts out in an element. A screen reader has the lists instead of the drawing. */
export function lay(element) {
  const head = add(element, "div", "head");
  const corner = add(head, "div", "corner");
  const body = add(element, "div", "body")
    .attr("id", "rows").attr("tabindex", 0).attr("role", "application")
    .attr("aria-label", "Timeline of medication periods").attr("aria-describedby", "keys");
  const labels = add(body, "ul", "labels").attr("aria-hidden", "true");
  const { instant, now, cross, ...plot } = layPlot(body);
  const { instantLabel, nowLabel, crossLabel, ...rest } = layHead(head);
  return {
    corner,
    body,
    labels,
    ...plot,
    ...rest,
    now: { line: now, label: nowLabel },
    instant: { line: instant, label: instantLabel },
    cross: { line: cross, label: crossLabel },
  };
}

function layHead(parent) {
  const head = parent.append("svg").attr("height", HEAD).attr("aria-hidden", "true");
  return {
    head,
    axis: add(head, "g", "axis").attr("transform", "translate(0,24)"),
    chosen: add(head, "rect", "range").attr("height", HEAD).attr("visibility", "hidden"),
    nowLabel: add(head, "text", "now-label").attr("y", 40).text("now"),
    instantLabel: add(head, "text", "instant-label").attr("y", 40),
    crossLabel: add(head, "text", "cross-label").attr("y", 40),
  };
}

function layPlot(parent) {
  const plot = add(parent, "svg", "plot").attr("aria-hidden", "true");
  layHatching(plot.append("defs"), "beyond");
  return {
    plot,
    grid: add(plot, "path", "grid"),
    content: plot.append("g"),
    outline: add(plot, "rect", "outline").attr("rx", 4),
    now: add(plot, "line", "now"),
    instant: add(plot, "line", "instant-line"),
    cross: add(plot, "line", "cross"),
  };
}

/** Lay the hatching of what nobody knows, under an identifier. */
export function layHatching(parent, id) {
  const pattern = parent.append("pattern").attr("id", id).attr("class", "hatching")
    .attr("width", 6).attr("height", 6).attr("patternUnits", "userSpaceOnUse").attr("patternTransform", "rotate(45)");
  pattern.append("rect").attr("width", 2.5).attr("height", 6);
}

function add(parent, name, kind) {
  return parent.append(name).attr("class", kind);
}
