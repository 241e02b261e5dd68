// What an axis names: times that are round in the chosen zone, each in words that have room.

import { format, instantOf, instantsOf, isTwice, offset, offsetInWords, wallOf } from "./zones.js";

import * as d3 from "./d3.js";

// So wide is a letter, at most, and so far apart words stand.
const LETTER = 6.5;
const APART = 10;
// As many are tried first as would fit if each had so many pixels.
const USUAL = 90;

/** The width of words in pixels, at most. */
export const widthOf = (words) => words.length * LETTER;

/**
 * Give as many ticks {instant, words} between two instants as have room, in their order; an hour that
 * clocks show twice is there twice, with its offsets, and one that they leave out is not.
 */
export function ticksOf(left, right, width) {
  for (let number = Math.max(2, Math.round(width / USUAL)); number > 1; number -= 1) {
    const ticks = named(roundInstants(left, right, number));
    if (haveRoom(ticks, width / (right - left))) return ticks;
  }
  return [];
}

function roundInstants(left, right, number) {
  const ahead = [offset(left), offset(right)];
  const walls = [left + Math.min(...ahead), right + Math.max(...ahead)];
  const instants = d3.scaleUtc().domain(walls).ticks(number).map(Number).flatMap((wall) => {
    const found = instantsOf(wall);
    return found.length ? found : [instantOf(wall)];
  });
  return [...new Set(instants)].sort((one, other) => one - other)
    .filter((instant) => instant >= left && instant <= right);
}

function named(instants) {
  let month = null;
  return instants.map((instant) => {
    const words = tick(instant, month);
    if (isMidnight(instant)) month = format("month", instant);
    return { instant, words };
  });
}

const haveRoom = (ticks, pixels) => ticks.every(({ instant, words }, at) => {
  const before = ticks[at - 1];
  if (!before) return true;
  const needed = (widthOf(before.words) + widthOf(words)) / 2 + APART;
  return (instant - before.instant) * pixels >= needed;
});

const isMidnight = (instant) => wallOf(instant) % 86_400_000 === 0;

/** The coarsest unit that changes; a day has its month where that is not the one named before. */
function tick(instant, month) {
  const wall = new Date(wallOf(instant));
  if (!isMidnight(instant)) {
    const told = format(wall.getUTCSeconds() || wall.getUTCMilliseconds() ? "second" : "minute", instant);
    return isTwice(instant) ? `${told} ${offsetInWords(instant)}` : told;
  }
  if (wall.getUTCDate() === 1) {
    return wall.getUTCMonth() ? format("month", instant) : String(wall.getUTCFullYear());
  }
  const day = format("weekday", instant);
  return month === format("month", instant) ? day : `${day} ${format("monthAlone", instant)}`;
}
