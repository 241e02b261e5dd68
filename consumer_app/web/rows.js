// One row a medication: its periods and anomalies in time order.

import { MINUTE } from "./words.js";

/** What the patient is on now comes first; then by name. */
export function toRows({ periods, anomalies }) {
  const rows = new Map();
  const row = (name) => {
    if (!rows.has(name)) rows.set(name, { name, periods: [], anomalies: [], ongoing: false });
    return rows.get(name);
  };
  for (const period of periods) {
    row(period.medication).periods.push(period);
    row(period.medication).ongoing ||= period.end === null;
  }
  for (const anomaly of anomalies) row(anomaly.medication).anomalies.push(anomaly);
  return [...rows.values()].sort((one, other) =>
    other.ongoing - one.ongoing || one.name.localeCompare(other.name, "en"));
}

/** All that there is to see: from the first report until the last, or now if something lasts. */
export function reachOf(rows, now) {
  const instants = rows.flatMap((row) => [
    ...row.periods.flatMap(({ start, end }) => [start, end ?? now]),
    ...row.anomalies.map((anomaly) => anomaly.time),
  ]);
  const first = instants.reduce((one, other) => Math.min(one, other));
  const last = instants.reduce((one, other) => Math.max(one, other));
  const margin = Math.max((last - first) * 0.04, 30 * MINUTE);
  return [first - margin, last + margin];
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

/** The index of the first period that ends after an instant; periods of a row never overlap. */
export function firstEndingAfter(periods, instant) {
  let low = 0;
  let high = periods.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const end = periods[middle].end ?? Infinity;
    if (end > instant) high = middle;
    else low = middle + 1;
  }
  return low;
}

export function holdsAt(row, instant) {
  const period = row.periods[firstEndingAfter(row.periods, instant)];
  return period !== undefined && period.start <= instant;
}

/** The other medications that the patient was on at some time of a period. */
export function together(rows, { medication, start, end }) {
  return rows.filter((row) => row.name !== medication && overlaps(row, start, end))
    .map((row) => row.name);
}

function overlaps(row, start, end) {
  const period = row.periods[firstEndingAfter(row.periods, start)];
  return period !== undefined && (period.start <= start || end === null || period.start < end);
}
