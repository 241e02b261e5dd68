// One row a medication: its periods and anomalies in time order, and which of them are looked at.

/**
 * The run of each of a row's periods, {start, end, number}: the periods that touch it, one after the
 * other, are of the same. The patient was on the medication without a break.
 */
export function runsOf(periods) {
  const runs = [];
  periods.forEach((period, at) => {
    const { start, end } = period;
    const run = runs.at(-1);
    if (at > 0 && touch(periods[at - 1], period)) {
      run.end = end;
      run.number += 1;
      runs.push(run);
    } else {
      runs.push({ start, end, number: 1 });
    }
  });
  return runs;
}

/** Whether one goes over into the next; a dose is one of its own. */
function touch(one, next) {
  return one.end === next.start && one.end !== one.start && next.end !== next.start;
}

/** The rows of an answer {name, periods, runs, anomalies}, by name. */
export function toRows({ periods, anomalies }) {
  const rows = new Map();
  const row = (name) => {
    if (!rows.has(name)) rows.set(name, { name, periods: [], anomalies: [] });
    return rows.get(name);
  };
  for (const period of periods) row(period.medication).periods.push(period);
  for (const anomaly of anomalies) row(anomaly.medication).anomalies.push(anomaly);
  for (const each of rows.values()) each.runs = runsOf(each.periods);
  const { compare } = new Intl.Collator("en");
  return [...rows.values()].sort((one, other) => compare(one.name, other.name));
}

/** Part rows into those that meet a window, on or not, and the others. */
export function grouped(rows, isOn, window) {
  const { on = [], also = [], others = [] } = Object.groupBy(rows, (row) => {
    if (!isIn(row, window)) return "others";
    return isOn(row) ? "on" : "also";
  });
  return { on, also, others };
}

function isIn(row, window) {
  return numberIn(row, window) > 0
    || row.anomalies.some(({ time }) => time >= window.from && time <= window.to);
}

/** How many of a row's periods meet a window. */
export function numberIn({ periods }, window) {
  let number = 0;
  for (let at = firstEndingAfter(periods, window.from, true); at < periods.length; at += 1) {
    if (periods[at].start > window.to) break;
    if (meets(periods[at], window)) number += 1;
  }
  return number;
}

/** Whether a period has an instant in common with a window, or lies in it where it has no length. */
export function meets({ start, end }, { from, to }) {
  return start <= to && (end === null || end > from || (end === start && start === from));
}

/** All that there is to see: from the first report until the last, or now if something lasts. */
export function reachOf(rows, now) {
  const instants = rows.flatMap((row) => [
    ...row.periods.flatMap(({ start, end }) => [start, end ?? Math.max(start, now)]),
    ...row.anomalies.map((anomaly) => anomaly.time),
  ]);
  return {
    from: instants.reduce((one, other) => Math.min(one, other)),
    to: instants.reduce((one, other) => Math.max(one, other)),
  };
}

/** The number of medications that the patient is on, from each instant at which it changes. */
export function countAtOnce(rows) {
  const changes = new Map();
  const add = (instant, change) => changes.set(instant, (changes.get(instant) ?? 0) + change);
  for (const { start, end } of rows.flatMap((row) => row.periods)) {
    add(start, 1);
    if (end !== null) add(end, -1);
  }
  let count = 0;
  return [...changes].sort(([one], [other]) => one - other)
    .map(([instant, change]) => ({ instant, count: (count += change) }));
}

/** The index of the first period that ends after an instant (or at it); a row's never overlap. */
export function firstEndingAfter(periods, instant, orAt = false) {
  let low = 0;
  let high = periods.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const end = periods[middle].end ?? Infinity;
    if (end > instant || (orAt && end === instant)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The period that holds at an instant, by the same rule as the API's `at`; or undefined. */
export const periodAt = ({ periods }, instant) => periods[placeAt(periods, instant)];

/** The run of the period that holds at an instant; or undefined. */
export const runAt = ({ periods, runs }, instant) => runs[placeAt(periods, instant)];

export const holdsAt = ({ periods }, instant) => placeAt(periods, instant) !== -1;

function placeAt(periods, instant) {
  const at = firstEndingAfter(periods, instant);
  return at < periods.length && periods[at].start <= instant ? at : -1;
}

/**
 * The other medications that the patient was on at some time of a period until `now`, {name,
 * milliseconds}, the longest first. What lies ahead is a plan, and may never be.
 */
export function together(rows, { medication, start, end }, now) {
  if (start > now) return [];
  return rows.filter((row) => row.name !== medication)
    .map((row) => ({ name: row.name, lengths: overlaps(row, start, end, now) }))
    .filter(({ lengths }) => lengths.length)
    .map(({ name, lengths }) => ({ name, milliseconds: lengths.reduce((sum, each) => sum + each) }))
    .sort((one, other) => other.milliseconds - one.milliseconds);
}

function overlaps({ periods }, start, end, now) {
  const until = (at) => Math.min(at ?? now, now);
  const lengths = [];
  for (let at = firstEndingAfter(periods, start); at < periods.length; at += 1) {
    const period = periods[at];
    if (period.start > now || (period.start > start && period.start >= until(end))) break;
    lengths.push(Math.min(until(period.end), until(end)) - Math.max(period.start, start));
  }
  return lengths;
}

/** Whether two lists hold the very same, one by one. */
export const areSame = (one, other) =>
  one.length === other?.length && one.every((each, at) => each === other[at]);
