// Times, durations, and what the service says, in words.

export const MINUTE = 60_000;
export const DAY = 86_400_000;

export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const minute = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const ofWeek = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric" });
const month = new Intl.DateTimeFormat("en-GB", { month: "short", year: "numeric" });
const second = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

export const clock = (instant) => minute.format(new Date(instant));

export function time(instant) {
  const date = new Date(instant);
  return `${day.format(date)} ${(instant % MINUTE ? second : minute).format(date)}`;
}

/** What an axis says at a time: the coarsest unit that changes there. */
export function tick(date) {
  if (date.getSeconds() || date.getMilliseconds()) return second.format(date);
  if (date.getHours() || date.getMinutes()) return minute.format(date);
  if (date.getDate() !== 1) return ofWeek.format(date);
  return date.getMonth() ? month.format(date) : String(date.getFullYear());
}

export function range({ left, right }) {
  return day.formatRange(left, right);
}

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

export function state(period) {
  if (period.end === null) return "ongoing";
  return period.end === period.start ? "zero length" : "ended";
}

export function extent(period) {
  if (period.end === null) return `from ${time(period.start)}, ongoing`;
  if (period.end === period.start) return `at ${time(period.start)}, zero length`;
  return `${time(period.start)} to ${time(period.end)}, ${duration(period.end - period.start)}`;
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
  exact: { duration: null, words: "exact periods" },
  joined: { duration: "PT0S", words: "periods joined where they touch" },
  "30d": { duration: "P30D", words: "periods joined over gaps of up to 30 days" },
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

/** The patient's periods in a line. */
export function summary({ periods, anomalies, gap }, rows) {
  const ongoing = rows.filter((row) => row.ongoing).length;
  const parts = [
    ongoing ? `on ${count(ongoing, "medication")} now` : "on no medication now",
    `${count(periods.length, "period")} of ${count(rows.length, "medication")}`,
    gaps[gap].words,
  ];
  if (anomalies.length) parts.push(`${count(anomalies.length, "report")} without effect`);
  return parts.join(" · ");
}
