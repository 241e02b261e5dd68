// What the page says in words where it has nothing to show.

const place = document.getElementById("message");

export function say(words, kind = "") {
  place.className = kind;
  place.textContent = words;
}

/** Say what went wrong, and offer to try again. */
export function sayProblem(words, onAgain) {
  say(words, "problem");
  const again = document.createElement("button");
  again.type = "button";
  again.textContent = "Try again";
  again.addEventListener("click", onAgain);
  place.append(" ", again);
}

export function sayNone(patient, isKnown) {
  say(isKnown
    ? `All reports of patient ${patient} were cancelled or replaced: there is no medication period.`
    : `Nothing is known of patient ${patient}. Is the identifier written as the reports have it?`);
}
