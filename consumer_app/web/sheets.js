// What stands on which page of paper.

const MOST = 16;

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
