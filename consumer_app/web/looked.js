// What of an answer is looked at: at which instant, and in which window.

import { grouped, holdsAt, meets, reachOf } from "./rows.js";
import { followed, roomy, staysOf, usualWindow } from "./stays.js";

// The strip shows all there is, with next to nothing beside it.
const BESIDE = 0.01;

/**
 * Look at the rows of an answer, and at them as they are drawn, as the address asks, at a time. `usual`
 * is the window that was the usual one before, or null. Return {instant, window, usual, stays, reach,
 * rows, on, shown, groups, periods, anomalies}: `on` are the rows on at the instant, which no filter
 * and no joining changes, `shown` those drawn that are not filtered out, `groups` of them with
 * the number `allOn` of those that no filter leaves out, `periods` and `anomalies` theirs in the window.
 */
export function lookAt(rows, drawn, asked, usual, now) {
  const instant = asked.instant ?? now;
  const known = reachOf(rows, now);
  const found = staysOf(rows, now);
  const nowUsual = followed(usual, usualWindow(found, Math.min(now, known.to)));
  // A stay that may go on is looked at as of now.
  const stays = found.map((stay) =>
    ({ ...stay, window: roomy(stay.from === nowUsual.from ? nowUsual : stay) }));
  const window = asked.window ?? roomy(nowUsual);
  const on = rows.filter((row) => holdsAt(row, instant));
  const namesOn = new Set(on.map(({ name }) => name));
  const shown = chosen(drawn.rows, asked.medications);
  const names = new Set(shown.map(({ name }) => name));
  const isShown = ({ medication }) => names.has(medication);
  return {
    instant,
    window,
    usual: nowUsual,
    stays,
    reach: roomy({ ...known, to: Math.max(known.to, now) }, BESIDE),
    rows,
    on,
    shown,
    groups: { ...grouped(shown, ({ name }) => namesOn.has(name), window), allOn: on.length },
    periods: drawn.periods.filter((period) => isShown(period) && meets(period, window)),
    anomalies: drawn.answer.anomalies.filter((each) =>
      isShown(each) && each.time >= window.from && each.time <= window.to),
  };
}

/** Nothing chosen, or nothing that is there, means all. */
function chosen(rows, medications) {
  const found = rows.filter(({ name }) => medications.includes(name));
  return found.length ? found : rows;
}
