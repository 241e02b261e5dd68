// One row a medication: its periods and anomalies in time order, and which of them are looked at.

/** The rows of an answer, by name. */
export function toRows({ periods, anomalies }) {
  const rows = new Map();
  const row = (name) => {
    if (!rows.has(name)) rows.set(name, { name, periods: [], anomalies: [] });
    return rows.get(name);
  };
  for (const period of periods) row(period.medication).periods.push(period);
  for (const anomaly of anomalies) row(anomaly.medication).anomalies.push(anomaly);
  const { compare } = new Intl.Collator("en");
  return [...rows.values()].sort((one, other) => compare(one.name, other.name));
}

/** Part rows into those that meet a window, on at an instant or not, and the others. */
export function grouped(rows, instant, window) {
  const { on = [], also = [], others = [] } = Object.groupBy(rows, (row) => {
    if (!isIn(row, window)) return "others";
    return holdsAt(row, instant) ? "on" : "also";
  });
  return { on, also, others };
}

function isIn({ periods, anomalies }, window) {
  for (let at = firstEndingAfter(periods, window.from, true); at < periods.length; at += 1) {
    if (periods[at].start > window.to) break;
    if (meets(periods[at], window)) return true;
  }
  return anomalies.some(({ time }) => time >= window.from && time <= window.to);
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
export function periodAt(row, instant) {
  const period = row.periods[firstEndingAfter(row.periods, instant)];
  return period !== undefined && period.start <= instant ? period : undefined;
}

export const holdsAt = (row, instant) => periodAt(row, instant) !== undefined;

/**
 * The other medications that the patient was on at some time of a period, {name, milliseconds}, the
 * longest first. What goes on lasts until `now`.
 */
export function together(rows, { medication, start, end }, now) {
  const until = (at) => at ?? Math.max(now, start);
  return rows.filter((row) => row.name !== medication)
    .map((row) => ({ name: row.name, lengths: overlaps(row, start, end, until) }))
    .filter(({ lengths }) => lengths.length)
    .map(({ name, lengths }) => ({ name, milliseconds: lengths.reduce((sum, each) => sum + each) }))
    .sort((one, other) => other.milliseconds - one.milliseconds);
}

function overlaps({ periods }, start, end, until) {
  const lengths = [];
  for (let at = firstEndingAfter(periods, start); at < periods.length; at += 1) {
    const period = periods[at];
    if (period.start > start && end !== null && period.start >= end) break;
    const shared = Math.min(until(period.end), until(end)) - Math.max(period.start, start);
    lengths.push(Math.max(shared, 0));
  }
  return lengths;
}

/** Whether two lists hold the very same, one by one. */
export const areSame = (one, other) =>
  one.length === other?.length && one.every((each, at) => each === other[at]);
