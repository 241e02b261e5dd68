// The names beside the rows, in groups; they are as high as they have to be, and the rows with them.

import { numberIn } from "./rows.js";
import { count, time } from "./words.js";

/** Give the lines of a chart, of groups of rows: a heading {words}, or a row {row}. */
export function linesOf({ on, also, others, allOn }, instant, isUnfolded) {
  const when = instant === null ? "On now" : `On at ${time(instant)}`;
  const ofAll = on.length === allOn ? "" : ` of ${allOn}`;
  const groups = [[when, on, ofAll], ["Also in this window", also]];
  if (isUnfolded) groups.push(["Not in this window", others]);
  return groups.filter(([, rows]) => rows.length).flatMap(([words, rows, of = ""]) => [
    { words: `${words} (${rows.length}${of})` }, ...rows.map((row) => ({ row })),
  ]);
}

/** Write the names with the numbers of periods in a window, and tell each line's {top, height}. */
export function nameLines(labels, lines, marked, window) {
  const label = labels.selectAll("li").data(lines).join("li");
  label.attr("class", ({ row }) => (row ? "row" : "group")).text("");
  label.filter(({ words }) => words).text(({ words }) => words);
  const named = label.filter(({ row }) => row)
    .classed("changed", ({ row }) => marked.has(row.name));
  named.append("span").attr("class", "name").attr("dir", "auto").text(({ row }) => row.name);
  named.append("span").attr("class", "amount")
    .text(({ row }) => amountOf(numberIn(row, window)));
  return placesOf(labels);
}

/** Of none it says nothing: reports without effect are there to be seen, or it is another window. */
const amountOf = (number) => (number ? count(number, "period") : "");

export function placesOf(labels) {
  return labels.selectAll("li").nodes().map(({ offsetTop, offsetHeight }) =>
    ({ top: offsetTop, height: offsetHeight }));
}
