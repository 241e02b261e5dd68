// The names beside the rows, in groups; they are as high as they have to be, and the rows with them.

import { count, time } from "./words.js";

/** Give the lines of a chart, of groups of rows: a heading {words}, or a row {row}. */
export function linesOf({ on, also, others }, instant, isUnfolded) {
  const when = instant === null ? "On now" : `On at ${time(instant)}`;
  const groups = [[when, on], ["Also in this window", also]];
  if (isUnfolded) groups.push(["Not in this window", others]);
  return groups.filter(([, rows]) => rows.length).flatMap(([words, rows]) => [
    { words: `${words} (${rows.length})` }, ...rows.map((row) => ({ row })),
  ]);
}

/** Write the names, and tell each line's {top, height}. */
export function nameLines(labels, lines, marked) {
  const label = labels.selectAll("li").data(lines).join("li");
  label.attr("class", ({ row }) => (row ? "row" : "group")).text("");
  label.filter(({ words }) => words).text(({ words }) => words);
  const named = label.filter(({ row }) => row)
    .classed("changed", ({ row }) => marked.has(row.name));
  named.append("span").attr("class", "name").attr("dir", "auto").text(({ row }) => row.name);
  named.append("span").attr("class", "amount")
    .text(({ row }) => count(row.periods.length, "period"));
  return placesOf(labels);
}

export function placesOf(labels) {
  return labels.selectAll("li").nodes().map(({ offsetTop, offsetHeight }) =>
    ({ top: offsetTop, height: offsetHeight }));
}
