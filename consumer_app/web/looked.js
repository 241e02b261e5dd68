// What of an answer is looked at: at which instant, and in which window.

import { grouped, holdsAt, meets, reachOf } from "./rows.js";
import { followed, roomy, staysOf, usualWindow } from "./stays.js";

// The strip shows all there is, with next to nothing beside it.
const BESIDE = 0.01;

/**
 * Look at the rows of an answer as the address asks, at a time. `usual` is the window that was the
 * usual one before, or null. Return {instant, window, usual, stays, reach, shown, on, groups,
 * periods, anomalies}: `shown` are the rows that are not filtered out, `on` those of them that are on at
 * the instant, `periods` and `anomalies` theirs in the window.
 */
export function lookAt(rows, answer, asked, usual, now) {
  const instant = asked.instant ?? now;
  const known = reachOf(rows, now);
  const found = staysOf(rows, now);
  const nowUsual = followed(usual, usualWindow(found, Math.min(now, known.to)));
  // A stay that may go on is looked at as of now.
  const stays = found.map((stay) =>
    ({ ...stay, window: roomy(stay.from === nowUsual.from ? nowUsual : stay) }));
  const window = asked.window ?? roomy(nowUsual);
  const shown = chosen(rows, asked.medications);
  const names = new Set(shown.map(({ name }) => name));
  const isShown = ({ medication }) => names.has(medication);
  return {
    instant,
    window,
    usual: nowUsual,
    stays,
    reach: roomy({ ...known, to: Math.max(known.to, now) }, BESIDE),
    shown,
    on: shown.filter((row) => holdsAt(row, instant)),
    groups: grouped(shown, instant, window),
    periods: answer.periods.filter((period) => isShown(period) && meets(period, window)),
    anomalies: answer.anomalies.filter((each) =>
      isShown(each) && each.time >= window.from && each.time <= window.to),
  };
}

/** Nothing chosen, or nothing that is there, means all. */
function chosen(rows, medications) {
  const found = rows.filter(({ name }) => medications.includes(name));
  return found.length ? found : rows;
}
