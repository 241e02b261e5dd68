// The bar that stays: of whom and as of when all below it is, and in which zone.

import { element } from "./elements.js";
import { clockInWords, freshness } from "./freshness.js";
import { keepHere, kept } from "./kept.js";
import { time } from "./words.js";
import { browserZone, format, offsetInWords, useZone, zone } from "./zones.js";

const KEPT = "zone";

const byId = (id) => document.getElementById(id);

/** Tell the style sheets how much of the bar stays. */
export function measureBar() {
  const bar = byId("bar");
  new ResizeObserver(() => {
    const stays = bar.offsetHeight + parseFloat(getComputedStyle(bar).top);
    document.documentElement.style.setProperty("--bar", `${Math.round(stays)}px`);
  }).observe(bar);
}

/** Say of whom and as of when the page is, and at which instant it is looked at. */
export function showBar({ patient, asOf, ahead, lastReport }, instant) {
  byId("patient-heading").textContent = `Patient ${patient}`;
  byId("as-of").textContent = `as of ${format("second", asOf)}`;
  byId("last-report").textContent =
    lastReport === null ? "no report received" : `last report received ${near(lastReport, asOf)}`;
  byId("then").hidden = instant === null;
  byId("then").querySelector("b").textContent = instant === null ? "" : time(instant);
  const words = clockInWords(ahead);
  byId("clock").hidden = !words;
  byId("clock").textContent = words;
  offer(asOf);
}

/** Say whether it is of now, or for how long it is not. */
export function showFreshness(asOf) {
  const { isLive, words } = freshness(asOf, Date.now());
  const live = byId("live");
  if (live.textContent === words) return;
  live.className = isLive ? "live" : "stale";
  live.textContent = words;
}

function near(instant, now) {
  const isToday = format("day", instant) === format("day", now);
  return isToday ? format("second", instant) : time(instant);
}

/** Offer the zones; the choice is kept in this browser. */
export function offerZones(hospital, onChange) {
  const known = [["browser", browserZone, "browser"], ["utc", "UTC", ""]];
  if (hospital) known.push(["hospital", hospital, "hospital"]);
  const select = byId("zone");
  select.replaceChildren(...known.map(([value, name, whose]) =>
    element("option", { value, textContent: name, "data-name": name, "data-whose": whose })));
  const chosen = kept(KEPT);
  if (known.some(([value]) => value === chosen)) select.value = chosen;
  useZone(select.selectedOptions[0].dataset.name);
  select.addEventListener("change", () => {
    keepHere(KEPT, select.value);
    useZone(select.selectedOptions[0].dataset.name);
    onChange();
  });
}

/** Name each zone with the offset that it has now. */
function offer(now) {
  const own = zone();
  for (const option of byId("zone").options) {
    const { name, whose } = option.dataset;
    useZone(name);
    option.textContent = `${offsetInWords(now)} ${name}${whose && ` (${whose})`}`;
  }
  useZone(own);
}
