// What is told while an answer takes a while.

const SLOW_MS = 150;

/** Wait for an answer, and call `tell()` when it takes longer than a blink. */
export async function waitFor(answer, tell) {
  const slow = setTimeout(tell, SLOW_MS);
  try {
    return await answer;
  } finally {
    clearTimeout(slow);
  }
}
