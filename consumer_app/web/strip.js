// The whole history in a strip: how many medications at once, the stays, and the window as a brush.

import { button, element, put } from "./elements.js";
import { areSame, countAtOnce } from "./rows.js";
import { ticksOf, widthOf } from "./ticks.js";
import { count, days } from "./words.js";

import * as d3 from "./d3.js";

const HEIGHT = 56;
const LANE = { top: 8, bottom: 36 };
const EDGE = 8;
const NARROWEST = 6;

export class Strip {
  /** `onWindow(window)` is called for another window, also while the brush moves. */
  constructor(place, list, onWindow) {
    Object.assign(this, { place, list, onWindow });
    const svg = d3.select(place).append("svg").attr("height", HEIGHT);
    const add = (name, kind) => svg.append(name).attr("class", kind);
    this.parts = {
      svg,
      stays: add("g", "stays"),
      lane: add("path", "lane"),
      axis: add("g", "ticks"),
      brush: add("rect", "brush").attr("y", 1).attr("height", HEIGHT - 2).attr("rx", 3),
      instant: add("line", "instant-line").attr("y2", HEIGHT),
    };
    svg.on("pointerdown", (event) => this.press(event));
    svg.on("pointermove.cursor", (event) => this.hint(event));
    new ResizeObserver(() => this.draw()).observe(place);
  }

  /** Show rows as far as all reach, with the stays, the window and the instant. */
  show({ rows, reach, stays, window, instant }) {
    if (!areSame(rows, this.rows)) this.steps = countAtOnce(rows);
    Object.assign(this, { rows, reach, stays, window, instant });
    put(this.list, ...stays.map((stay) => this.named(stay)).reverse());
    this.draw();
  }

  named(stay) {
    const words = `${days(stay)}, ${count(stay.medications, "medication")}`;
    const isShown = Math.abs(this.window.from - stay.window.from) < 1000
      && Math.abs(this.window.to - stay.window.to) < 1000;
    return element("li", {}, button(words, () => this.onWindow(stay.window), {
      "aria-pressed": isShown, "data-key": String(stay.from),
    }));
  }

  /** Show another window in the brush. */
  look(window) {
    this.window = window;
    this.drawBrush();
  }

  draw() {
    const width = this.place.clientWidth;
    if (!this.rows || !width) return;
    const { svg, stays, lane, axis, instant } = this.parts;
    svg.attr("width", width);
    const { from, to } = this.reach;
    this.width = width;
    this.x = (at) => ((at - from) / (to - from)) * width;
    this.at = (x) => from + (x / width) * (to - from);
    lane.attr("d", this.lanePath());
    stays.selectAll("rect").data(this.stays).join("rect").attr("height", HEIGHT).attr("rx", 2)
      .attr("x", (stay) => this.x(stay.from))
      .attr("width", (stay) => Math.max(this.x(stay.to) - this.x(stay.from), 3));
    const ticks = ticksOf(from, to, width)
      .filter(({ instant: each, words }) => this.x(each) + widthOf(words) < width);
    axis.selectAll("text").data(ticks).join("text").attr("y", HEIGHT - 6)
      .attr("x", (each) => this.x(each.instant) + 3).text(({ words }) => words);
    axis.selectAll("path").data(ticks).join("path")
      .attr("d", (each) => `M${Math.round(this.x(each.instant)) + 0.5},${LANE.bottom}V${HEIGHT}`);
    const at = this.x(this.instant);
    instant.attr("x1", at).attr("x2", at);
    this.drawBrush();
  }

  drawBrush() {
    if (!this.x) return;
    const { from, to } = this.brush();
    this.parts.brush.attr("x", from).attr("width", to - from);
  }

  /** Where the brush is, in pixels: wide enough to be hit, and in the strip as far as it can be. */
  brush() {
    const within = (x) => Math.max(1, Math.min(x, this.width - 1));
    const from = Math.min(within(this.x(this.window.from)), this.width - NARROWEST);
    return { from, to: Math.max(within(this.x(this.window.to)), from + NARROWEST) };
  }

  /** The medications at once as steps: of a pixel's steps the highest shows. */
  lanePath() {
    const most = this.steps.reduce((top, { count: each }) => Math.max(top, each), 1);
    const height = (level) => LANE.bottom - (level / most) * (LANE.bottom - LANE.top);
    let level = 0;
    const path = [`M0,${LANE.bottom}`];
    for (let index = 0; index < this.steps.length;) {
      const pixel = Math.round(this.x(this.steps[index].instant));
      let peak = level;
      for (; Math.round(this.x(this.steps[index]?.instant)) === pixel; index += 1) {
        level = this.steps[index].count;
        peak = Math.max(peak, level);
      }
      path.push(`H${pixel}V${height(peak)}V${height(level)}`);
    }
    return `${path.join("")}H${this.width}V${LANE.bottom}Z`;
  }

  /** What a press at a place would do: move the brush, pull at an edge, or draw another. */
  part(x) {
    const { from, to } = this.brush();
    const edge = Math.min(EDGE, (to - from) / 4);
    if (x < from - EDGE || x > to + EDGE) return "anew";
    if (x <= from + edge) return "from";
    return x >= to - edge ? "to" : "move";
  }

  hint(event) {
    if (!this.x) return;
    const cursors = { anew: "crosshair", move: "grab", from: "ew-resize", to: "ew-resize" };
    this.parts.svg.style("cursor", cursors[this.part(d3.pointer(event)[0])]);
  }

  press(event) {
    event.preventDefault();
    const { svg } = this.parts;
    const place = (each) => d3.pointer(each, svg.node())[0];
    const begin = place(event);
    const act = this.part(begin);
    const { window } = this;
    svg.node().setPointerCapture(event.pointerId);
    svg.on("pointermove", (move) => this.drag(act, begin, place(move), window));
    svg.on("pointerup pointercancel", (up) => {
      svg.on("pointermove pointerup pointercancel", null);
      if (act === "anew" && Math.abs(place(up) - begin) < EDGE) this.tap(begin);
    });
  }

  drag(act, begin, end, { from, to }) {
    const by = this.at(end) - this.at(begin);
    const [one, other] = {
      anew: [this.at(begin), this.at(end)],
      move: [from + by, to + by],
      from: [from + by, to],
      to: [from, to + by],
    }[act];
    if (Math.abs(this.x(one) - this.x(other)) < 2) return;
    this.onWindow({ from: Math.min(one, other), to: Math.max(one, other) });
  }

  /** Show the stay that was hit, or as much as is shown about another time. */
  tap(x) {
    const hit = this.stays.find((stay) =>
      x >= this.x(stay.from) - EDGE && x <= this.x(stay.to) + EDGE);
    if (hit) return this.onWindow(hit.window);
    const half = (this.window.to - this.window.from) / 2;
    return this.onWindow({ from: this.at(x) - half, to: this.at(x) + half });
  }
}
