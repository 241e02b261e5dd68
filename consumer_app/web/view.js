// Which stretch of time is shown: zoomed and panned by wheel, pointer, touch and keyboard.

import { DAY, MINUTE } from "./words.js";

import * as d3 from "./d3.js";

const LONGEST = 400_000 * DAY;

export class View {
  /**
   * `onChange(isMoved)` is called when another stretch of time is to be shown in the plot; it was
   * moved where a person did it.
   */
  constructor(plot, onChange) {
    this.plot = plot;
    this.onChange = onChange;
    this.transform = d3.zoomIdentity;
    this.zoom = d3.zoom()
      .wheelDelta(wheelDelta)
      .filter((event) => (event.type === "wheel" ? isZooming(event) : !event.button))
      .on("zoom", ({ transform }) => {
        this.transform = transform;
        onChange(!this.isLooking);
      });
    plot.call(this.zoom).on("dblclick.zoom", null);
    plot.on("wheel.pan", (event) => this.panByWheel(event), { passive: false });
  }

  /** Show a stretch {from, to} on so many pixels; a drag goes on where it is what is shown. */
  look({ from, to }, width = this.width) {
    if (width === this.width && this.shows(from, to)) {
      this.onChange(false);
      return;
    }
    this.width = width;
    this.base = d3.scaleTime([from, to], [0, width]);
    this.zoom.extent([[0, 0], [width, 1]])
      .scaleExtent([(to - from) / LONGEST, Math.max((to - from) / MINUTE, 1)]);
    this.isLooking = true;
    this.plot.call(this.zoom.transform, d3.zoomIdentity);
    this.isLooking = false;
  }

  shows(from, to) {
    const { window } = this;
    return window.from === Math.round(from) && window.to === Math.round(to);
  }

  /** The stretch that is shown. */
  get window() {
    const [from, to] = this.scale().domain().map(Number);
    return { from: Math.round(from), to: Math.round(to) };
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
    return { scale, left, right, x, width: this.width };
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
