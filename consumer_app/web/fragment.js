// The page's state in the address. A fragment never leaves the browser, a query would.

import { gaps } from "./words.js";

export function read() {
  const given = new URLSearchParams(location.hash.slice(1));
  const gap = given.get("gap");
  return {
    patient: (given.get("patient") ?? "").trim(),
    gap: gap in gaps ? gap : "exact",
    medications: given.getAll("medication"),
    stretch: readStretch(given),
  };
}

function readStretch(given) {
  const [from, to] = ["from", "to"].map((name) => Date.parse(given.get(name)));
  return from < to ? { from, to } : null;
}

/** Go to a state, from which the back button leads here again. */
export function go(state) {
  location.hash = written(state);
}

/** Keep a state that is no step of its own, as each turn of a wheel would be. */
export function keep(state) {
  history.replaceState(null, "", `#${written(state)}`);
}

function written({ patient, gap, medications, stretch }) {
  const state = new URLSearchParams({ patient });
  if (gap !== "exact") state.set("gap", gap);
  for (const medication of medications) state.append("medication", medication);
  for (const [name, instant] of Object.entries(stretch ?? {})) {
    state.set(name, new Date(instant).toISOString());
  }
  return state;
}
