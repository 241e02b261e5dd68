// The orders of what the patient is on at an instant, asked for beside the periods.

import { findEvents } from "./service.js";
import { ordersAt } from "./story.js";

export class Orders {
  constructor() {
    this.events = [];
  }

  /** Find out about medications of an answer; tell whether more is known than before. */
  async find({ patient, tag }, medications, signal) {
    const key = JSON.stringify([patient, tag, medications]);
    if (key === this.key) return false;
    if (patient !== this.patient) this.events = [];
    Object.assign(this, { key, patient });
    try {
      const events = await findEvents(patient, medications, signal);
      if (this.key !== key) return false;
      this.events = events;
      return true;
    } catch {
      // The list is right without them; the next answer asks again.
      if (this.key === key) this.key = null;
      return false;
    }
  }

  /** The orders that hold at an instant, by medications' names. */
  at(instant) {
    return ordersAt(this.events, instant);
  }
}
