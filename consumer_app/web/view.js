// Which stretch of time is shown: zoomed and panned by wheel, pointer, touch and keyboard.

import * as d3 from "./d3.js";
import { MINUTE } from "./words.js";

export class View {
  /** `onChange()` is called when another stretch of time is to be shown in the plot. */
  constructor(plot, onChange) {
    this.plot = plot;
    this.transform = d3.zoomIdentity;
    this.zoom = d3.zoom()
      .wheelDelta(wheelDelta)
      .filter((event) => (event.type === "wheel" ? isZooming(event) : !event.button))
      .on("zoom", ({ transform }) => {
        this.transform = transform;
        onChange();
      });
    plot.call(this.zoom).on("dblclick.zoom", null);
    plot.on("wheel.pan", (event) => this.panByWheel(event), { passive: false });
  }

  /** Say what there is to see, [first, last] in milliseconds, and on how many pixels. */
  reach([first, last], width) {
    this.width = width;
    this.base = d3.scaleTime([first, last], [0, width]);
    this.zoom.extent([[0, 0], [width, 1]])
      .scaleExtent([0.5, Math.max((last - first) / MINUTE, 1)])
      .translateExtent([[-width * 2, 0], [width * 3, 1]]);
  }

  /** The stretch that is shown, or null when it is all there is. */
  get shown() {
    const { k, x } = this.transform;
    if (k === 1 && x === 0) return null;
    const [from, to] = this.scale().domain().map(Number);
    return { from: Math.round(from), to: Math.round(to) };
  }

  /** Show a stretch, or all there is when it is null. */
  look(stretch) {
    const transform = stretch ? this.transformTo(stretch) : d3.zoomIdentity;
    this.plot.call(this.zoom.transform, transform);
  }

  transformTo({ from, to }) {
    const factor = this.width / (this.base(to) - this.base(from));
    return d3.zoomIdentity.scale(factor).translate(-this.base(from), 0);
  }

  /** Show periods, with some room beside them. */
  lookAt(periods) {
    const start = periods[0].start;
    const end = d3.max(periods, (period) => period.end ?? Date.now());
    const margin = Math.max((end - start) * 0.1, MINUTE);
    this.look({ from: start - margin, to: end + margin });
  }

  zoomBy(factor) {
    this.plot.call(this.zoom.scaleBy, factor);
  }

  /** Pan by a part of what is shown, to later times when positive. */
  pan(part) {
    this.plot.call(this.zoom.translateBy, (-part * this.width) / this.transform.k, 0);
  }

  centre(instant) {
    this.plot.call(this.zoom.translateTo, this.base(instant), 0);
  }

  panByWheel(event) {
    const across = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    if (isZooming(event) || !across) return;
    event.preventDefault();
    this.pan(across / this.width);
  }

  scale() {
    return this.transform.rescaleX(this.base);
  }

  /** What a drawing needs to know: the time at both edges, and `x` of an instant in pixels. */
  frame() {
    const scale = this.scale();
    const [left, right] = scale.domain().map(Number);
    const pixels = this.width / (right - left);
    const x = (instant) => (instant - left) * pixels;
    return { scale, left, right, x, width: this.width, now: Date.now() };
  }
}

function isZooming(event) {
  return event.ctrlKey || event.metaKey;
}

/** Zoom by a half more at most for a notch of a wheel; a pinch comes in small deltas. */
function wheelDelta({ deltaY, deltaMode }) {
  const pixels = -deltaY * (deltaMode ? 20 : 1);
  return Math.max(-0.6, Math.min(0.6, pixels * 0.01));
}
