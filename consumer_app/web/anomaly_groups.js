// The reports without effect, by their reasons; each group opens in pages.

import { button, element, named, put } from "./elements.js";
import { areSame } from "./rows.js";
import { actions, count, reasons, time } from "./words.js";
import { zone } from "./zones.js";

const PAGE = 50;

export class AnomalyGroups {
  /** `onWhy(anomaly)` is called to explain. */
  constructor(section, onWhy) {
    this.section = section;
    this.note = section.querySelector(".note");
    this.place = section.lastElementChild;
    this.onWhy = onWhy;
  }

  /** Show those of the window; `counts` are those of the whole history, by reason. */
  show(anomalies, counts) {
    if (areSame(anomalies, this.anomalies) && this.zone === zone()) return;
    Object.assign(this, { anomalies, zone: zone() });
    const all = counts.reduce((sum, each) => sum + each.count, 0);
    this.section.hidden = all === 0;
    this.note.textContent = `${anomalies.length.toLocaleString("en-GB")} in this window, `
      + `${all.toLocaleString("en-GB")} in the whole history.`;
    const groups = Object.groupBy(anomalies, ({ reason }) => reason);
    put(this.place, ...counts.filter(({ reason }) => groups[reason])
      .map(({ reason }) => this.group(reason, groups[reason])));
  }

  group(reason, anomalies) {
    const told = reasons[reason] ?? "It changes nothing.";
    const words = `${told} (${count(anomalies.length, "report")})`;
    const details = element("details", { className: "reason", "data-key": reason },
      element("summary", { textContent: words }));
    details.addEventListener("toggle", () => details.append(this.table(words, anomalies)),
      { once: true });
    return details;
  }

  table(words, anomalies) {
    const headings = ["Medication", "Time", "Report", "Order", "Why"]
      .map((text) => element("th", { scope: "col", textContent: text }));
    const body = element("tbody");
    const more = button("", () => add());
    const add = () => {
      const shown = body.rows.length;
      body.append(...anomalies.slice(shown, shown + PAGE).map((each) => this.row(each)));
      const rest = anomalies.length - body.rows.length;
      more.hidden = rest === 0;
      more.textContent = `${Math.min(PAGE, rest)} more of ${rest}`;
    };
    add();
    const table = element("table", {}, element("thead", {}, element("tr", {}, ...headings)), body);
    const scroller = element("div",
      { className: "scroller", tabIndex: 0, role: "region", "aria-label": words }, table);
    return element("div", {}, scroller, more);
  }

  row(anomaly) {
    const { medication, time: at, action, order_id: order } = anomaly;
    const why = button("Why?", () => this.onWhy(anomaly), {
      "aria-label": `Why the ${actions[action].toLowerCase()} of ${medication} ${time(at)}?`,
    });
    return element("tr", {},
      element("th", { scope: "row" }, named("span", medication)),
      element("td", { textContent: time(at) }),
      element("td", { textContent: actions[action] }),
      element("td", {}, named("span", order ?? "—", { className: "" })),
      element("td", { className: "tool" }, why));
  }
}
