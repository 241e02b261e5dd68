// Why a period is here: the events that made it, and what became of each.

import { explain } from "./service.js";
import { eventsOf, summary, why } from "./story.js";
import { actions, extent, time } from "./words.js";

export class Explanation {
  /** `onProblem(error)` is called when there is no answer. */
  constructor(section, onProblem) {
    this.section = section;
    this.onProblem = onProblem;
    section.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.leave();
    });
  }

  /** Explain a period of an answer; who closes the explanation is led back to `origin`. */
  async open(answer, period, origin) {
    this.close();
    const { signal } = this.pending = new AbortController();
    try {
      const explained = await explain(answer, period, signal);
      this.origin = origin;
      this.show(period, explained, answer.gap);
    } catch (error) {
      if (!signal.aborted) this.onProblem(error);
    }
  }

  show(period, explained, gap) {
    const close = element("button", "Close");
    close.type = "button";
    close.addEventListener("click", () => this.leave());
    const heading = element("div");
    heading.className = "heading";
    heading.append(element("h2", period.medication), close);
    heading.firstElementChild.id = "explanation-heading";
    const list = element("ol");
    list.append(...eventsOf(explained).map((event) => item(event, explained)));
    this.section.replaceChildren(
      heading, element("p", extent(period)), element("p", summary(explained, gap)), list);
    this.reveal(true);
    this.section.scrollIntoView({ block: "nearest" });
    this.section.focus({ preventScroll: true });
  }

  close() {
    this.pending?.abort();
    this.reveal(false);
  }

  leave() {
    this.close();
    this.origin.focus();
  }

  reveal(open) {
    this.section.hidden = !open;
    this.section.parentElement.classList.toggle("explained", open);
  }
}

function item(event, explained) {
  const line = element("li");
  line.className = event.role;
  const what = element(["cancelled", "superseded"].includes(event.role) ? "s" : "span");
  const at = element("time", time(Date.parse(event.event_time)));
  at.dateTime = event.event_time;
  at.title = event.event_time;
  what.append(element("b", actions[event.action]), " ", at);
  line.append(what, ...marks(event), element("span", why(event, explained)));
  return line;
}

function marks({ order_id, event_id, record_id }) {
  return [["order", order_id], ["event", event_id], ["record", record_id]].filter(([, id]) => id)
    .map(([name, id]) => Object.assign(element("span", `${name} ${id}`), { className: "mark" }));
}

function element(name, text = "") {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}
