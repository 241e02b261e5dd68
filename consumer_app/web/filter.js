// Which medications are shown: none chosen means all of them.

import { named, put } from "./elements.js";
import { count } from "./words.js";

export class Filter {
  constructor(onChange) {
    this.list = document.getElementById("filter-list");
    this.state = document.getElementById("filter-state");
    this.search = document.getElementById("filter-search");
    this.search.addEventListener("input", () => this.narrow());
    this.list.addEventListener("change", () => onChange(this.chosen()));
    document.getElementById("filter-clear").addEventListener("click", () => onChange([]));
  }

  /** Offer the medications of an answer. */
  offer(rows) {
    put(this.list, ...rows.map(option));
    this.narrow();
  }

  /** Show which are chosen; the boxes stay, and with them the place of who goes by keyboard. */
  show(chosen) {
    const boxes = [...this.list.querySelectorAll("input")];
    for (const box of boxes) box.checked = chosen.includes(box.value);
    const known = this.chosen();
    this.state.textContent = known.length ? `${known.length} of ${boxes.length}` : "all";
  }

  chosen() {
    return [...this.list.querySelectorAll("input:checked")].map((input) => input.value);
  }

  narrow() {
    const sought = this.search.value.trim().toLocaleLowerCase("en");
    for (const line of this.list.children) {
      line.hidden = !line.dataset.name.toLocaleLowerCase("en").includes(sought);
    }
  }
}

function option(row) {
  const line = document.createElement("li");
  line.dataset.name = row.name;
  const label = document.createElement("label");
  const box = Object.assign(document.createElement("input"), { type: "checkbox", value: row.name });
  const amount = document.createElement("small");
  amount.textContent = row.periods.length ? count(row.periods.length, "period") : "no period";
  label.append(box, named("span", row.name), amount);
  line.append(label);
  return line;
}
