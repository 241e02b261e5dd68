// When each report came, and how late.

import { duration, MINUTE, time } from "./words.js";

const FIELDS = [
  "medication_name", "action", "event_time", "order_id", "event_id", "record_id", "record_version",
];

/** What tells an event from all others, wherever it is listed. */
export const tagOf = (event) => JSON.stringify(FIELDS.map((field) => event[field] ?? null));

/** Find when events came, in pages of all that a patient's reports say; stop when all are found. */
export async function arrivalsOf(events, pages) {
  const sought = new Set(events.map(tagOf));
  const found = new Map();
  for await (const page of pages) {
    for (const event of page) {
      if (sought.delete(tagOf(event))) found.set(tagOf(event), Date.parse(event.received_at));
    }
    if (!sought.size) break;
  }
  return found;
}

/** Say when an event of a time was received, and how late that was. */
export function arrivalInWords(happened, received) {
  const late = received - happened;
  if (late < -MINUTE) return `received ${time(received)}, ${duration(-late)} ahead`;
  return late < MINUTE ? `received ${time(received)}, at once`
    : `received ${time(received)}, ${duration(late)} later`;
}
