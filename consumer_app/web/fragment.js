// The page's state in the address. A fragment never leaves the browser, a query would.

import { gaps } from "./words.js";

export function read() {
  const given = new URLSearchParams(location.hash.slice(1));
  const gap = given.get("gap");
  return {
    patient: (given.get("patient") ?? "").trim(),
    gap: gap in gaps ? gap : "exact",
    medications: given.getAll("medication"),
  };
}

export function write({ patient, gap, medications }) {
  const state = new URLSearchParams({ patient });
  if (gap !== "exact") state.set("gap", gap);
  for (const medication of medications) state.append("medication", medication);
  location.hash = state;
}
