// The page's state in the address. A fragment never leaves the browser, a query would.

import { gaps } from "./words.js";

/**
 * Read {patient, gap, medications, window, instant, why}. `window` is null for the usual one,
 * `instant` for now; `why` is {time, medication} of what is explained, or null.
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
  const [, at, medication] = /^(\S+) (.+)$/.exec(text) ?? [];
  const instant = readInstant(at);
  return instant === null ? null : { time: instant, medication };
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
    ...(why ? [["why", `${iso(why.time)} ${why.medication}`]] : []),
  ]);
}
