// What stands on which page of paper.

import { count, extent } from "./words.js";

const MOST = 16;
const TOLD = 6;

/** Part rows into pages of so many pixels and 16 rows at most; each page has one at least. */
export function paged(rows, heights, room) {
  const pages = [];
  let left = 0;
  rows.forEach((row, at) => {
    const page = pages.at(-1);
    if (page && page.length < MOST && heights[at] <= left) {
      page.push(row);
    } else {
      pages.push([row]);
      left = room;
    }
    left -= heights[at];
  });
  return pages;
}

/** Give the rows of lines as {row, heading}: the first of a group has the words above it. */
export function headed(lines) {
  return lines.flatMap(({ row }, at) => (row ? [{ row, heading: lines[at - 1].words ?? null }] : []));
}

/** Say the periods of a row in words: the last ones, and how many there are before them. */
export function extents(periods) {
  if (!periods.length) return "no period, reports without effect alone";
  const before = periods.length - TOLD;
  const told = periods.slice(-TOLD).map(extent);
  return (before > 0 ? [`${count(before, "period")} before`, ...told] : told).join("; ");
}
