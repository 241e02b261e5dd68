// What is used of d3: the page is made of no more of it.

export { bisector } from "d3-array";
export { axisTop } from "d3-axis";
export { scaleTime, scaleUtc } from "d3-scale";
export { pointer, select } from "d3-selection";
export { zoom, zoomIdentity } from "d3-zoom";
