// Times, durations, and what the service says, in words.

import { format, formatRange, isTwice, offsetInWords } from "./zones.js";

// So many names are read at a glance.
const NAMED = 3;

export const MINUTE = 60_000;
export const DAY = 86_400_000;

export const clock = (instant) => format("second", instant);

/** A day and a time; where clocks show the same twice, the offset tells which. */
export function time(instant) {
  const told = `${format("day", instant)} ${format(instant % MINUTE ? "second" : "minute", instant)}`;
  return isTwice(instant) ? `${told} (${offsetInWords(instant)})` : told;
}

/** The days of a stretch of time. */
export const days = ({ from, to }) => formatRange("day", from, to);

const units = [["d", DAY], ["h", 3_600_000], ["min", MINUTE], ["s", 1_000], ["ms", 1]];

/** The two largest units of a duration: a ward asks for days and hours, not for seconds. */
export function duration(milliseconds) {
  const first = units.findIndex(([, length]) => milliseconds >= length);
  if (first < 0) return "zero";
  const [unit, length] = units[first];
  const whole = `${Math.floor(milliseconds / length)} ${unit}`;
  const [nextUnit, nextLength] = units[first + 1] ?? [];
  const rest = nextLength ? Math.floor((milliseconds % length) / nextLength) : 0;
  return rest ? `${whole} ${rest} ${nextUnit}` : whole;
}

export function count(number, noun) {
  return `${number.toLocaleString("en-GB")} ${noun}${number === 1 ? "" : "s"}`;
}

/** What is to be said of a period at an instant: what lies ahead of it is a plan. */
export function state({ start, end }, instant) {
  if (start > instant) return "planned";
  if (end === null || end > instant) return "ongoing";
  return end === start ? "dose" : "ended";
}

/** A period in words; of an end that lies ahead it is said when. */
export function extent({ start, end }) {
  if (end === null) return `from ${time(start)}, no end reported`;
  if (end === start) return `at ${time(start)}, a dose`;
  return `${time(start)} to ${time(end)}, ${duration(end - start)}`;
}

/** That a stretch without a break is of so many periods; nothing where it is of one. */
export const touching = (number) => (number > 1 ? `, in ${number} periods that touch` : "");

/** Say that nothing of rows holds at an instant, what ended last before it, and what comes next. */
export function onNone(rows, instant) {
  const periods = rows.flatMap((row) => row.periods);
  const ended = periods.filter(({ end }) => end !== null && end <= instant);
  const coming = periods.filter(({ start }) => start > instant);
  const parts = ["On no medication."];
  if (ended.length) {
    const last = ended.reduce((one, other) => (other.end > one.end ? other : one));
    parts.push(`The last period before ended ${time(last.end)}.`);
  }
  if (coming.length) {
    const next = coming.reduce((one, other) => (other.start < one.start ? other : one));
    parts.push(`The next begins ${time(next.start)}: ${next.medication}.`);
  }
  return parts.join(" ");
}

export const actions = {
  start: "Start",
  stop: "Stop",
  cancel_start: "Cancel start",
  cancel_stop: "Cancel stop",
};

export const reasons = {
  redundant_start: "The patient was on the medication already.",
  stop_without_start: "The patient was not on the medication.",
  cancel_start_without_start: "There was no start before it left to take back.",
  cancel_stop_without_stop: "There was no stop before it left to take back.",
};

export const gaps = {
  exact: { duration: null, milliseconds: null, words: "exact periods" },
  joined: { duration: "PT0S", milliseconds: 0, words: "periods joined where they touch" },
  "30d": {
    duration: "P30D", milliseconds: 30 * DAY, words: "periods joined over gaps of up to 30 days",
  },
};

/**
 * Whether new reports may be late, or do not arrive at all, and when the last ones of any patient
 * came; nothing where all is well. Of all problems a replica that is behind alone lets them come.
 */
export function arrival(problems, lastReceived) {
  const parts = Object.keys(problems);
  if (!parts.length) return "";
  const how = parts.every((part) => part === "replica")
    ? "New reports may be late at the moment: what is shown may lack some."
    : "New reports do not arrive at the moment: what is shown may be out of date.";
  return lastReceived === null ? how : `${how} The last ones came ${time(lastReceived)}.`;
}

/** Say which of all rows are shown; nothing where all of them are. */
export function filtered(shown, all) {
  if (shown.length === all.length) return "";
  const named = shown.slice(0, NAMED).map(({ name }) => name).join(", ");
  const more = shown.length > NAMED ? ` and ${shown.length - NAMED} more` : "";
  return `only ${shown.length} of ${count(all.length, "medication")} (${named}${more})`;
}

/** How the chart and the table differ from the list of what the patient is on; or nothing. */
export function difference(shown, all, gap) {
  const parts = [filtered(shown, all), gap === "exact" ? "" : gaps[gap].words].filter(Boolean);
  return parts.length ? `Chart and table have ${parts.join(", ")}. The list is complete and exact.` : "";
}

/** How many periods and reports there are in a window, in a line. */
export function summary({ periods, anomalies, gap }) {
  const parts = [count(periods.length, "period"), gaps[gap].words];
  if (anomalies.length) parts.push(`${count(anomalies.length, "report")} without effect`);
  return parts.join(" · ");
}
