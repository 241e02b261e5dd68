// Stays: when much was going on. Nobody reports admissions, so it is activity that is found: a run
// of short periods with little time between them. What is taken for long says nothing of a stay.

import { DAY, MINUTE } from "./words.js";

const ROOM = 30 * MINUTE;
const SHORT = 14 * DAY;
const APART = 3 * DAY;
const WITHOUT = 90 * DAY;

/** The runs of short periods, {from, to, medications}, in the order of time. */
export function staysOf(rows, now) {
  const until = ({ start, end }) => end ?? Math.max(start, now);
  const short = rows.flatMap((row) => row.periods)
    .filter((period) => until(period) - period.start < SHORT)
    .sort((one, other) => one.start - other.start);
  const stays = [];
  for (const period of short) {
    const last = stays.at(-1);
    if (last && period.start - last.to < APART) {
      last.to = Math.max(last.to, until(period));
      last.names.add(period.medication);
    } else {
      stays.push({ from: period.start, to: until(period), names: new Set([period.medication]) });
    }
  }
  return stays.map(({ from, to, names }) => ({ from, to, medications: names.size }));
}

/** What is shown where nobody has chosen anything: the latest stay, or 90 days until an instant. */
export function usualWindow(stays, instant) {
  const latest = stays.at(-1);
  if (!latest) return { from: instant - WITHOUT, to: instant };
  // Who is still there, or has just left, is looked at as of now.
  const to = instant >= latest.to && instant - latest.to < APART ? instant : latest.to;
  return { from: latest.from, to };
}

/** A stretch with some room beside it, to be seen from its beginning to its end. */
export function roomy({ from, to }, part = 0.04) {
  const margin = Math.max((to - from) * part, ROOM);
  return { from: from - margin, to: to + margin };
}

/** The usual window as time goes on: it ends later, but is no other one while it is looked at. */
export function followed(before, next) {
  return before?.from === next.from ? next : before ?? next;
}
