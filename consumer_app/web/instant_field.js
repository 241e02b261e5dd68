// The field in which an instant is written, in the zone that is chosen.

import { MINUTE } from "./words.js";
import { instantOf, wallOf } from "./zones.js";

const SECOND = 1_000;

const byId = (id) => document.getElementById(id);

/** `onInstant(instant)` is called for what is written, and with null to go with the time again. */
export function listenToInstant(onInstant) {
  byId("instant-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const wall = Date.parse(`${byId("instant").value}Z`);
    if (Number.isNaN(wall)) byId("instant").focus();
    else onInstant(instantOf(wall));
  });
  for (const id of ["now", "back-to-now"]) {
    byId(id).addEventListener("click", () => onInstant(null));
  }
}

/** Show the instant that is looked at, null for now; what is just being written stays. */
export function showInstant(instant, now) {
  const field = byId("instant");
  if (document.activeElement === field) return;
  const told = instant === null ? floor(now, MINUTE) : floor(instant, SECOND);
  // Seconds are shown where there are any.
  field.value = new Date(wallOf(told)).toISOString().replace(/(:00)?\.000Z$/, "");
}

const floor = (instant, unit) => Math.floor(instant / unit) * unit;
