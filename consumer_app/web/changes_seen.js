// What changed since it was last looked at, told until somebody has seen it.

import { unseen } from "./changes.js";
import { button, element, named, put } from "./elements.js";
import { time } from "./words.js";

const MOST = 4;

const kinds = {
  new: "began",
  ended: "ended",
  reopened: "goes on: its end was taken back, began",
  gone: "taken back, began",
  vain: "report without effect",
};

export class ChangesSeen {
  /** `onSeen()` is called when somebody has seen the changes. */
  constructor(place, onSeen) {
    this.place = place;
    this.onSeen = onSeen;
    this.changes = [];
  }

  add(changes) {
    this.changes = unseen(this.changes, changes);
    this.show();
  }

  /** There is nothing any more that was not seen. */
  forget() {
    this.changes = [];
    this.show();
  }

  /** The medications that changed. */
  get marked() {
    return new Set(this.changes.map(({ medication }) => medication));
  }

  show() {
    if (!this.changes.length) return put(this.place);
    const lines = this.changes.slice(-MOST).reverse().map(({ kind, medication, time: at }) =>
      element("li", {}, named("b", medication), ` ${kinds[kind]} ${time(at)}`));
    const rest = this.changes.length - lines.length;
    if (rest > 0) lines.push(element("li", { textContent: `and ${rest} more` }));
    return put(this.place, element("b", { textContent: "Changed" }), element("ul", {}, ...lines),
      button("Seen", () => {
        this.forget();
        this.onSeen();
      }, { "data-key": "seen" }));
  }
}
