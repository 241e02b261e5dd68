// The window on paper: pages of sixteen rows, each with the patient, the axis and its number.

import { drawAxis } from "./axis.js";
import { drawRow } from "./bars.js";
import { element, named } from "./elements.js";
import { layHatching } from "./parts.js";
import { meets } from "./rows.js";
import { paged } from "./sheets.js";
import { doubtsInWords } from "./doubts.js";
import { count, extent, gaps, MINUTE, time } from "./words.js";
import { offsetInWords, zone } from "./zones.js";

import * as d3 from "./d3.js";

// A4 across, between its margins: what is left of it beside the names, and below the head.
const WIDTH = 700;
const ROOM = 630;
const BAR = 28;
const HEAD = 30;

/** Lay out the sheets of rows that meet a window, as of an answer and looked at an instant. */
export function layOut(place, { rows, answer, window, instant }) {
  place.classList.add("measured");
  place.replaceChildren(element("ol", {}, ...rows.map((row) => line(row, window, answer.asOf))));
  const lines = [...place.firstElementChild.children];
  const heights = lines.map((each) =>
    Math.max(each.offsetHeight, each.lastChild.offsetHeight + BAR));
  const pages = rows.length ? paged(rows.map((row, at) => ({ row, at })), heights, ROOM) : [[]];
  place.classList.remove("measured");
  const printed = Date.now();
  const sheets = pages.map((page, number) =>
    sheet(head({ answer, window, instant, printed }, number + 1, pages.length), page, lines));
  place.replaceChildren(...sheets);
  draw(sheets, pages, { ...window, asOf: answer.asOf });
}

function head({ answer, window, instant, printed }, number, pages) {
  const looked = instant === null ? "now" : time(instant);
  return element("header", {},
    element("b", { textContent: `Patient ${answer.patient}`, dir: "auto" }),
    element("span", { textContent: `${minute(window.from)} to ${minute(window.to)}, `
      + `${gaps[answer.gap].words}; what the patient is on ${looked} first` }),
    element("span", { textContent: `As of ${time(answer.asOf)}, printed ${time(printed)}, `
      + `times in ${zone()} ${offsetInWords(printed)}` }),
    element("b", { textContent: `Page ${number} of ${pages}` }));
}

const minute = (instant) => time(Math.round(instant / MINUTE) * MINUTE);

function sheet(header, page, lines) {
  return element("section", { className: "sheet" }, header,
    element("div", { className: "axis-line" }),
    element("ol", {}, ...page.map(({ at }) => lines[at])));
}

/** A row's name, the last that was taken of it in the window, and what is doubtful of that. */
function line(row, window, now) {
  const periods = row.periods.filter((period) => meets(period, window));
  const latest = periods.at(-1);
  const others = periods.length > 1 ? `${count(periods.length, "period")}, the last ` : "";
  const doubts = doubtsInWords(latest?.doubts ?? [], now).map(({ brief }) => ` · ! ${brief}`);
  const text = latest ? others + extent(latest) : "no period, reports without effect alone";
  return element("li", {}, named("b", row.name),
    element("div", {}, element("p", { textContent: text + doubts.join("") })));
}

function draw(sheets, pages, { from, to, asOf }) {
  const scale = d3.scaleTime([from, to], [0, WIDTH]);
  const frame = {
    scale, left: from, right: to, width: WIDTH, asOf,
    x: (instant) => ((instant - from) / (to - from)) * WIDTH,
  };
  sheets.forEach((each, number) => {
    const svg = d3.select(each.querySelector(".axis-line")).append("svg")
      .attr("width", WIDTH).attr("height", HEAD);
    layHatching(svg.append("defs"), `beyond-${number}`);
    drawAxis(svg.append("g").attr("class", "axis").attr("transform", "translate(0,26)"), frame);
    [...each.querySelectorAll("li")].forEach((item, at) => {
      const group = d3.select(item).select("div").insert("svg", "p").attr("class", "plot")
        .attr("width", WIDTH).attr("height", BAR);
      drawRow(group, pages[number][at].row, frame);
      group.selectAll(".beyond").style("fill", `url(#beyond-${number})`);
    });
  });
}
