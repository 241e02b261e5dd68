// Periods as the chart and the table may join them: by the rule of the service's `merge_gap`.

import { toRows } from "./rows.js";
import { gaps } from "./words.js";

/**
 * An answer as it is drawn: its periods joined over a gap, and the rows of them. What the patient is
 * on at an instant follows from the answer itself, which has them as they are.
 */
export function drawnOf(answer, gap) {
  const periods = joinedOver(answer.periods, gaps[gap].milliseconds);
  return { answer, gap, periods, rows: toRows({ periods, anomalies: answer.anomalies }) };
}

/** Join each medication's periods, in time order, over gaps of so many milliseconds; null: none. */
export function joinedOver(periods, gap) {
  if (gap === null) return periods;
  const joined = [];
  const lastOf = new Map();
  for (const period of periods) {
    const last = lastOf.get(period.medication);
    if (last && period.start - last.end <= gap) {
      last.end = period.end;
      last.doubts.push(...period.doubts);
    } else {
      const own = { ...period, doubts: [...period.doubts] };
      lastOf.set(own.medication, own);
      joined.push(own);
    }
  }
  return joined.map((period) => ({ ...period, doubts: newestOfEachKind(period.doubts) }));
}

/** As the service tells doubts of a period: of each kind the newest, with how many there are. */
function newestOfEachKind(doubts) {
  return Object.values(Object.groupBy(doubts, ({ kind }) => kind)).map((each) => ({
    ...each.reduce((one, other) => (other.time > one.time ? other : one)),
    count: each.reduce((sum, { count }) => sum + count, 0),
  }));
}
