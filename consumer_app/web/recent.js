// The patients that were looked at in this browser, and identifiers that begin as one writes.

import { button, element } from "./elements.js";
import { keepHere, kept } from "./kept.js";
import { findPatients } from "./service.js";

const KEPT = "recent-patients";
const MOST = 10;
const SHORTEST = 2;
const SETTLED_MS = 250;

const byId = (id) => document.getElementById(id);

/** Forget them, as who signs out leaves nothing behind. */
export const forgetPatients = () => keepHere(KEPT, null);

export class RecentPatients {
  /** `onChoose(patient)` is called for one that is chosen. */
  constructor(isOn, onChoose) {
    this.isOn = isOn;
    this.onChoose = onChoose;
    // What an earlier setting has left is not kept on.
    if (!isOn) forgetPatients();
    byId("recent-clear").addEventListener("click", () => this.clear());
    this.show();
  }

  add(patient) {
    if (!this.isOn) return;
    const others = this.patients.filter((each) => each !== patient);
    keepHere(KEPT, [patient, ...others].slice(0, MOST));
    this.show();
  }

  get patients() {
    return kept(KEPT) ?? [];
  }

  clear() {
    forgetPatients();
    this.show();
    byId("patient").focus();
  }

  show() {
    byId("recent").hidden = !this.patients.length;
    byId("recent").open = false;
    byId("recent-list").replaceChildren(...this.patients.map((patient) =>
      element("li", {}, button(patient, () => this.onChoose(patient), { dir: "auto" }))));
  }
}

/** Complete what is written into the field, from two characters on. */
export function completePatients(field, list) {
  let pending = null;
  let settling = null;
  const complete = async () => {
    pending?.abort();
    const prefix = field.value.trim();
    list.replaceChildren();
    if (prefix.length < SHORTEST) return;
    const { signal } = pending = new AbortController();
    // Who may not search types as before.
    const found = await findPatients(prefix, signal).catch(() => []);
    if (signal.aborted) return;
    list.replaceChildren(...found.map((value) => element("option", { value })));
  };
  field.addEventListener("input", () => {
    clearTimeout(settling);
    settling = setTimeout(complete, SETTLED_MS);
  });
}
