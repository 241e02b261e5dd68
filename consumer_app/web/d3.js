// The parts of d3 that the page uses.

export const {
  select, pointer, scaleTime, scaleUtc, axisTop, zoom, zoomIdentity, bisector,
} = globalThis.d3;
