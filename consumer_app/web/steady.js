// What a person looks at stays where it is on the screen, whatever becomes longer or shorter above it.

const JUST_NOW_MS = 1_000;

let pressed = { target: null, at: -Infinity };

addEventListener("pointerdown", ({ target }) => {
  pressed = { target, at: performance.now() };
}, { capture: true });

/** Change the page; that part of it which was just pressed, or is in the middle, stays in place. */
export function steadily(parts, change) {
  const held = parts.find(isJustPressed) ?? parts.find(isInTheMiddle);
  const before = held?.getBoundingClientRect().top;
  change();
  if (held) scrollBy(0, held.getBoundingClientRect().top - before);
}

function isJustPressed(part) {
  return part.contains(pressed.target) && performance.now() - pressed.at < JUST_NOW_MS;
}

function isInTheMiddle(part) {
  const { top, bottom } = part.getBoundingClientRect();
  return top <= innerHeight / 2 && bottom >= innerHeight / 2;
}
