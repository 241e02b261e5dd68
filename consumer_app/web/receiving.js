// Whether new reports arrive, told beside what is known.

import { findProblems } from "./service.js";
import { arrival } from "./words.js";

export class Receiving {
  constructor(place) {
    this.place = place;
    this.lastReceived = null;
    this.forget();
  }

  /** Find what keeps reports from arriving now. */
  async look(signal) {
    // A service that does not answer at all is told of in other words.
    const found = await findProblems(signal).catch(() => ({}));
    if (signal.aborted) return;
    this.problems = found;
    this.tell();
  }

  /** An answer says when any report came last. */
  hear(lastReceived) {
    this.lastReceived = lastReceived;
    this.tell();
  }

  forget() {
    this.problems = {};
    this.tell();
  }

  tell() {
    const words = arrival(this.problems, this.lastReceived);
    this.place.textContent = words;
    this.place.hidden = !words;
  }
}
