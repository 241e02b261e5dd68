// The field in which an instant is written, in the zone that is chosen.

import { element } from "./elements.js";
import { MINUTE } from "./words.js";
import { instantOf, instantsOf, offsetInWords, wallOf } from "./zones.js";

const SECOND = 1_000;

const byId = (id) => document.getElementById(id);

/** `onInstant(instant)` is called for what is written, and with null to go with the time again. */
export function listenToInstant(onInstant) {
  byId("instant").addEventListener("input", () => offer(written()));
  byId("instant-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const instant = written();
    if (instant === null) byId("instant").focus();
    else onInstant(instant);
  });
  for (const id of ["now", "back-to-now"]) {
    byId(id).addEventListener("click", () => onInstant(null));
  }
}

/** Show the instant that is looked at, null for now; what is just being written stays. */
export function showInstant(instant, now) {
  if (document.activeElement?.matches("#instant, #offset")) return;
  const told = instant === null ? floor(now, MINUTE) : floor(instant, SECOND);
  // Seconds are shown where there are any.
  byId("instant").value = new Date(wallOf(told)).toISOString().replace(/(:00)?\.000Z$/, "");
  offer(told);
}

/** What is written, or null where it is no time; of one that is there twice, that which is chosen. */
function written() {
  const wall = Date.parse(`${byId("instant").value}Z`);
  if (Number.isNaN(wall)) return null;
  const chosen = instantsOf(wall).find((each) => offsetInWords(each) === byId("offset").value);
  return chosen ?? instantOf(wall);
}

/** Offer both offsets of a time that the clocks show twice. */
function offer(instant) {
  const both = instant === null ? [] : instantsOf(wallOf(instant));
  byId("offset").hidden = both.length < 2;
  byId("offset").replaceChildren(...both.map((each) => element("option", {
    textContent: offsetInWords(each), selected: each === instant,
  })));
}

const floor = (instant, unit) => Math.floor(instant / unit) * unit;
