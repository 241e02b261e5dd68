// What the service doubts of a period, in words.

import { duration, time } from "./words.js";

const kinds = {
  in_future: ({ time: at, of }) => ({
    brief: `${of} planned`, full: `the ${of} ${time(at)} lies in the future.`,
  }),
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

/** Say the doubts of a period as {kind, brief, full}: the words of its chip, and the whole of it. */
export function doubtsInWords(doubts, now) {
  return doubts.map((doubt) => {
    const { kind, order_id: order, time: at, count } = doubt;
    // A newer service may know more kinds.
    const { brief, full } = kinds[kind]?.(doubt, now)
      ?? { brief: "to be checked", full: `something is doubtful of ${time(at)}.` };
    const said = order === null ? full : `order ${order}: ${full}`;
    const more = count > 1 ? `, and ${count - 1} more` : "";
    return { kind, brief: brief + more, full: said[0].toUpperCase() + said.slice(1) };
  });
}
