// What this browser keeps for the page, where it keeps anything.

const PREFIX = "medication-periods.";

/** Give what was kept under a name, or null. */
export function kept(name) {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + name));
  } catch {
    // Forbidden by the browser's settings, or written by something else.
    return null;
  }
}

/** Keep a value under a name, or nothing any more where it is null. */
export function keepHere(name, value) {
  try {
    if (value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // Then it is for this visit alone.
  }
}
