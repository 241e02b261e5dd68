// The page's state in the address. A fragment never leaves the browser, a query would.

import { gaps } from "./words.js";

/**
 * Read {patient, gap, medications, window, instant, why}. `window` is null for the usual one,
 * `instant` for now; `why` is {medication, time} of the report without effect that is explained,
 * {medication, time, end} of the period, `end` null while it goes on; or null.
 */
export function read(hash = location.hash) {
  const given = new URLSearchParams(hash.slice(1));
  const gap = given.get("gap");
  return {
    patient: (given.get("patient") ?? "").trim(),
    gap: gap in gaps ? gap : "exact",
    medications: given.getAll("medication"),
    window: readWindow(given),
    instant: readInstant(given.get("at")),
    why: readWhy(given.get("why") ?? ""),
  };
}

function readWindow(given) {
  const [from, to] = ["from", "to"].map((name) => Date.parse(given.get(name)));
  return from < to ? { from, to } : null;
}

function readInstant(text) {
  const instant = Date.parse(text);
  return Number.isNaN(instant) ? null : instant;
}

function readWhy(text) {
  const [, begin, end, medication] = /^([^\s/]+)(\/\S*)? (.+)$/.exec(text) ?? [];
  const time = readInstant(begin);
  if (time === null) return null;
  return end === undefined ? { medication, time }
    : { medication, time, end: readInstant(end.slice(1)) };
}

/** Go to a state, from which the back button leads here again. */
export function go(state) {
  location.hash = written(state);
}

/** Keep a state that is no step of its own, as each turn of a wheel would be. */
export function keep(state) {
  history.replaceState(null, "", `#${written(state)}`);
}

export function written({ patient, gap, medications = [], window, instant = null, why }) {
  const iso = (at) => new Date(Math.round(at)).toISOString();
  const { from, to } = window ?? {};
  return new URLSearchParams([
    ["patient", patient],
    ...(gap === "exact" ? [] : [["gap", gap]]),
    ...medications.map((medication) => ["medication", medication]),
    ...(window ? [["from", iso(from)], ["to", iso(to)]] : []),
    ...(instant === null ? [] : [["at", iso(instant)]]),
    ...(why ? [["why", writtenWhy(why, iso)]] : []),
  ]);
}

function writtenWhy({ medication, time, end }, iso) {
  const until = end === null ? "" : end && iso(end);
  return `${iso(time)}${until === undefined ? "" : `/${until}`} ${medication}`;
}
