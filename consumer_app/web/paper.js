// The window on paper: pages of sixteen rows, each with the patient, the axis and its number.

import { drawAxis, drawInstants } from "./axis.js";
import { drawRow } from "./bars.js";
import { doubtsInWords } from "./doubts.js";
import { element, named } from "./elements.js";
import { linesOf } from "./labels.js";
import { layHatching } from "./parts.js";
import { meets } from "./rows.js";
import { extents, headed, paged } from "./sheets.js";
import { gaps, MINUTE, time } from "./words.js";
import { offsetInWords, zone } from "./zones.js";

import * as d3 from "./d3.js";

// A4 across, between its margins: what is left of it beside the names, and between
// the head and the legend.
const WIDTH = 700;
const ROOM = 602;
const BAR = 25;
const AXIS = 22;
const HEAD = 38;

/**
 * Lay out the sheets of groups of rows, as drawn of an answer and looked at an instant; `orders` are
 * those that hold then, by medications' names, and `filter` says which rows they are, where they are
 * not all.
 */
export function layOut(place, { groups, orders, drawn, filter, window, instant }) {
  const { answer, gap } = drawn;
  place.classList.add("measured");
  const rows = headed(linesOf(groups, instant, false));
  const lines = rows.map((each) => line(each, { window, now: answer.asOf, orders }));
  place.replaceChildren(element("ol", {}, ...lines));
  const heights = lines.map((each) => each.offsetHeight);
  const pages = rows.length ? paged(rows.map(({ row }, at) => ({ row, at })), heights, ROOM) : [[]];
  place.classList.remove("measured");
  const printed = Date.now();
  const sheets = pages.map((page, number) =>
    sheet(head({ answer, gap, filter, window, instant, printed }, number + 1, pages.length), page, lines));
  place.replaceChildren(...sheets);
  const frame = frameOf({ ...window, asOf: answer.asOf });
  sheets.forEach((each, number) => {
    const height = pages[number].reduce((sum, { at }) => sum + heights[at], HEAD);
    drawHead(each, { frame, number, height, instant, now: printed });
    drawRows(each, { frame, number, rows: pages[number] });
  });
}

function head({ answer, gap, filter, window, instant, printed }, number, pages) {
  const looked = instant === null ? "now" : time(instant);
  return element("header", {},
    element("b", { textContent: `Patient ${answer.patient}`, dir: "auto" }),
    element("span", { textContent: `${minute(window.from)} to ${minute(window.to)}, `
      + `${filter && `${filter}, `}${gaps[gap].words}; what the patient is on ${looked} first` }),
    element("span", { textContent: `As of ${time(answer.asOf)}, printed ${time(printed)}, `
      + `times in ${zone()} ${offsetInWords(printed)}` }),
    element("b", { textContent: `Page ${number} of ${pages}` }));
}

const minute = (instant) => time(Math.round(instant / MINUTE) * MINUTE);

function sheet(header, page, lines) {
  return element("section", { className: "sheet" }, header,
    element("div", { className: "axis-line" }),
    element("ol", {}, ...page.map(({ at }) => lines[at])),
    document.querySelector(".legend").cloneNode(true));
}

/** A row's name, and its periods in the window with their order and what is doubtful of the last. */
function line({ row, heading }, { window, now, orders }) {
  const periods = row.periods.filter((period) => meets(period, window));
  const doubts = doubtsInWords(periods.at(-1)?.doubts ?? [], now).map(({ brief }) => `! ${brief}`);
  const own = (orders.get(row.name) ?? []).map((order) => `order ${order}`);
  const told = [extents(periods), ...own, ...doubts].join(" · ");
  const beside = element("div");
  d3.select(beside).append("svg").attr("class", "plot").attr("width", WIDTH).attr("height", BAR);
  beside.append(element("p", { textContent: told }));
  return element("li", {},
    ...(heading ? [element("h3", { textContent: heading })] : []), named("b", row.name), beside);
}

function frameOf({ from, to, asOf }) {
  return {
    scale: d3.scaleTime([from, to], [0, WIDTH]), left: from, right: to, width: WIDTH, asOf,
    x: (instant) => ((instant - from) / (to - from)) * WIDTH,
  };
}

/** Draw the axis, and the lines of the instant and of now over so much of the sheet. */
function drawHead(each, { frame, number, height, instant, now }) {
  const svg = d3.select(each.querySelector(".axis-line")).append("svg")
    .attr("width", WIDTH).attr("height", HEAD);
  layHatching(svg.append("defs"), `beyond-${number}`);
  drawAxis(svg.append("g").attr("class", "axis").attr("transform", `translate(0,${AXIS})`), frame);
  const mark = (kind, words, at) => ({
    line: svg.append("line").attr("class", kind === "now" ? "now" : "instant-line").attr("y1", AXIS),
    label: svg.append("text").attr("class", `${kind}-label`).attr("y", HEAD - 4).text(words),
    instant: at,
  });
  const looked = instant === null ? [] : [mark("instant", time(instant), instant)];
  drawInstants([...looked, mark("now", "now", now)], frame, height);
}

function drawRows(each, { frame, number, rows }) {
  [...each.querySelectorAll("li")].forEach((item, at) => {
    const group = d3.select(item).select("svg");
    drawRow(group, rows[at].row, frame);
    group.selectAll(".beyond").style("fill", `url(#beyond-${number})`);
  });
}
