// What a newer answer says that the one before did not.

const keyOf = ({ medication, start }) => `${start} ${medication}`;

/** Return the changes {kind, medication, start, time} from one answer to the next. */
export function changesBetween(before, after) {
  const known = new Map(before.periods.map((period) => [keyOf(period), period]));
  const found = [];
  for (const period of after.periods) {
    const former = known.get(keyOf(period));
    known.delete(keyOf(period));
    const kind = kindOf(former, period);
    if (kind) found.push({ kind, ...placeOf(period), time: timeOf(kind, period) });
  }
  for (const period of known.values()) {
    found.push({ kind: "gone", ...placeOf(period), time: period.start });
  }
  return [...found, ...newAnomalies(before, after)];
}

function kindOf(former, { end }) {
  if (former === undefined) return "new";
  if (former.end === end) return null;
  return end === null ? "reopened" : "ended";
}

const placeOf = ({ medication, start }) => ({ medication, start });

const timeOf = (kind, { start, end }) => (kind === "ended" ? end : start);

function newAnomalies(before, after) {
  const tag = ({ medication, time, action, order_id, reason }) =>
    JSON.stringify([medication, time, action, order_id, reason]);
  const known = new Set(before.anomalies.map(tag));
  return after.anomalies.filter((each) => !known.has(tag(each)))
    .map(({ medication, time }) => ({ kind: "vain", medication, start: time, time }));
}

/** Add changes to those not seen yet: of one period the last counts. */
export function unseen(former, latest) {
  const all = new Map([...former, ...latest].map((each) => [keyOf(each), each]));
  return [...all.values()];
}
