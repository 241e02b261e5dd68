// The zone in which times are told: the browser's, unless another one was chosen.

const HOUR = 3_600_000;
const LOOK = 12 * HOUR;
// Clocks are changed at a quarter of an hour. An axis asks in each frame: so many are remembered.
const QUARTER = HOUR / 4;
const MOST = 10_000;

export const browserZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

let chosen = browserZone;
let formats = formatsOf(chosen);

function formatsOf(timeZone) {
  const format = (options) => new Intl.DateTimeFormat("en-GB", { timeZone, ...options });
  return {
    offsets: new Map(),
    day: format({ day: "numeric", month: "short", year: "numeric" }),
    month: format({ month: "short", year: "numeric" }),
    monthAlone: format({ month: "short" }),
    weekday: format({ weekday: "short", day: "numeric" }),
    minute: format({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" }),
    second: format({ timeStyle: "medium", hourCycle: "h23" }),
    parts: format({
      year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric",
      second: "numeric", hourCycle: "h23",
    }),
  };
}

export const zone = () => chosen;

/** Tell times in a zone from now on; a name that nobody knows changes nothing. */
export function useZone(name) {
  try {
    formats = formatsOf(name);
    chosen = name;
  } catch {
    // A setting of another version, or a browser with older data.
  }
}

export const format = (kind, instant) => formats[kind].format(instant);

export const formatRange = (kind, from, to) => formats[kind].formatRange(from, to);

/** How far the zone's clocks are ahead of UTC at an instant, in milliseconds. */
export function offset(instant) {
  const quarter = Math.floor(instant / QUARTER);
  const { offsets } = formats;
  if (offsets.size > MOST) offsets.clear();
  if (!offsets.has(quarter)) offsets.set(quarter, offsetFrom(quarter * QUARTER));
  return offsets.get(quarter);
}

function offsetFrom(instant) {
  const parts = formats.parts.formatToParts(instant)
    .filter(({ type }) => type !== "literal").map(({ type, value }) => [type, Number(value)]);
  const { year, month, day, hour, minute, second } = Object.fromEntries(parts);
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(instant / 1000) * 1000;
}

/** What the zone's clocks show, as milliseconds of a clock without a zone. */
export const wallOf = (instant) => instant + offset(instant);

/** The instants at which the zone's clocks show this: two in a night's hour that is there twice. */
export function instantsOf(wall) {
  const near = wall - offset(wall);
  const found = [near - LOOK, near + LOOK].map((each) => wall - offset(each));
  return [...new Set(found)].filter((each) => wallOf(each) === wall);
}

/** The later one of them; of what clocks leave out, as much later as they are put forward. */
export const instantOf = (wall) =>
  instantsOf(wall).at(-1) ?? wall - offset(wall - offset(wall) - LOOK);

/** Whether the zone's clocks show the same twice, as in the night in which they are put back. */
export const isTwice = (instant) => instantsOf(wallOf(instant)).length > 1;

/** An offset in words, as in "+02:00". */
export function offsetInWords(instant) {
  const minutes = Math.round(offset(instant) / 60_000);
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  const two = (number) => String(number).padStart(2, "0");
  return `${minutes < 0 ? "−" : "+"}${two(hours)}:${two(rest)}`;
}
