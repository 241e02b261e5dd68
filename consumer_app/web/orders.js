// The orders of what the patient is on at an instant, asked for beside the periods.

import { findOrders } from "./service.js";

export class Orders {
  constructor() {
    this.of = new Map();
  }

  /** Find those of an answer at an instant, null for now; tell whether there are others than before. */
  async find(answer, instant, signal) {
    const key = [answer.patient, answer.gap, answer.tag, instant].join("\n");
    if (key === this.key) return false;
    this.key = key;
    try {
      this.of = await findOrders(answer, instant ?? Date.now(), signal);
      return this.key === key;
    } catch {
      // The list is right without them; the next answer asks again.
      if (this.key === key) this.key = null;
      return false;
    }
  }
}
