// Whether what is shown is of now.

import { MINUTE, duration } from "./words.js";

/** The page asks this often. */
export const POLL_MS = 12_000;

// Two answers may be missing before anybody has to know.
const LIVE = 3 * POLL_MS;

/** Say {isLive, words} of an answer as of an instant. */
export function freshness(asOf, now) {
  const age = now - asOf;
  if (age < LIVE) return { isLive: true, words: "live" };
  const whole = age < MINUTE ? Math.floor(age / 1000) * 1000 : Math.floor(age / MINUTE) * MINUTE;
  return { isLive: false, words: `not updated for ${duration(whole)}` };
}

/** Say that this machine's clock differs from the service's, where it does by more than a minute. */
export function clockInWords(difference) {
  if (Math.abs(difference) < MINUTE) return "";
  const how = difference > 0 ? "ahead of" : "behind";
  return `This computer’s clock is ${duration(Math.abs(difference))} ${how} the service’s.`;
}
