// What the service doubts of a period, in words.

import { duration, time } from "./words.js";

const kinds = {
  in_future: ({ time: at }) => ({ brief: "planned", full: `${time(at)} lies in the future.` }),
  reported_late: ({ time: at, received_at }) => ({
    brief: `reported ${duration(received_at - at)} late`,
    full: `what happened ${time(at)} was reported ${time(received_at)}.`,
  }),
  nothing_reported: ({ time: at }, now) => ({
    brief: `nothing reported for ${duration(now - at)}`,
    full: `nothing was reported since ${time(at)}. It may have ended meanwhile.`,
  }),
  other_order_stopped: ({ time: at }) => ({
    brief: "another order was stopped",
    full: `another order of the medication was stopped ${time(at)}. This one may have ended, too.`,
  }),
};

/** Say a doubt as {brief, full}: the words of its chip, and the whole of it. */
function doubtInWords(doubt, now) {
  // A newer service may know more kinds.
  const { brief, full } = kinds[doubt.kind]?.(doubt, now)
    ?? { brief: "to be checked", full: `something is doubtful of ${time(doubt.time)}.` };
  const said = doubt.order_id === null ? full : `order ${doubt.order_id}: ${full}`;
  return { brief, full: said[0].toUpperCase() + said.slice(1) };
}

/** Say all doubts of a period as {kind, brief, full}, those of a kind as one. */
export function doubtsInWords(doubts, now) {
  return Object.entries(Object.groupBy(doubts, ({ kind }) => kind)).map(([kind, each]) => {
    const told = each.map((doubt) => doubtInWords(doubt, now));
    return { kind, brief: told[0].brief, full: told.map(({ full }) => full).join(" ") };
  });
}
