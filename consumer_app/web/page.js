// The page: what is asked for is in the address, and everything else follows from it.

import { Chart } from "./chart.js";
import { showExplanation } from "./explanation.js";
import { Filter } from "./filter.js";
import { read, write } from "./fragment.js";
import { listenToKeys } from "./keyboard.js";
import { toRows } from "./rows.js";
import { explain, findPeriods, isKnown, NoAnswer } from "./service.js";
import { goToAnomaly, PeriodTable, showAnomalies } from "./tables.js";
import { count, extent, gaps, zone } from "./words.js";

const SLOW = 150;

const byId = (id) => document.getElementById(id);
const chartElement = byId("chart");
const explanation = byId("explanation");
const filter = new Filter((medications) => write({ ...read(), medications }));
const chart = new Chart(chartElement, byId("readout"), {
  onChoose: why,
  onAnomaly: (anomaly) => goToAnomaly(byId("anomalies"), anomaly),
});
const table = new PeriodTable(byId("periods"), byId("more"), (period) => {
  chart.find(period);
  why(period);
});

let answer = null;
let pending = null;
let returnTo = chartElement;

async function follow() {
  const asked = read();
  pending?.abort();
  byId("patient").value = asked.patient;
  if (!asked.patient) return welcome();
  if (answer?.patient === asked.patient && answer.gap === asked.gap) return show(asked, false);
  pending = new AbortController();
  await ask(asked, pending.signal);
}

async function ask(asked, signal) {
  const isOther = answer?.patient !== asked.patient;
  if (isOther) forget();
  const slow = setTimeout(() => say(`Loading patient ${asked.patient} …`, "loading"), SLOW);
  try {
    const found = await findPeriods(asked, signal);
    if (found.periods.length + found.anomalies.length === 0) return await sayNone(asked, signal);
    answer = found;
    show(asked, isOther);
  } catch (error) {
    if (error.name === "AbortError") return;
    if (!(error instanceof NoAnswer)) throw error;
    // What was shown may be of other periods than the controls now say.
    forget();
    sayTrouble(error.message);
  } finally {
    clearTimeout(slow);
  }
}

function show(asked, isOther) {
  const rows = toRows(answer);
  const chosen = asked.medications.filter((name) => rows.some((row) => row.name === name));
  const shown = chosen.length ? rows.filter((row) => chosen.includes(row.name)) : rows;
  const isShown = (name) => shown.some((row) => row.name === name);
  const periods = chosen.length ? answer.periods.filter((each) => isShown(each.medication)) : answer.periods;
  say("");
  closeExplanation();
  byId("answer").hidden = false;
  document.title = `Patient ${answer.patient} – Medication periods`;
  byId("patient-heading").textContent = `Patient ${answer.patient}`;
  byId("counts").textContent = summarise(rows);
  document.querySelector(`[name=gap][value="${asked.gap}"]`).checked = true;
  filter.show(rows, chosen);
  chart.show(shown, { fit: isOther });
  table.show(periods, shown);
  showAnomalies(byId("anomalies"), answer.anomalies.filter((each) => isShown(each.medication_name)));
}

function summarise(rows) {
  const ongoing = rows.filter((row) => row.ongoing).length;
  const parts = [
    ongoing ? `on ${count(ongoing, "medication")} now` : "on no medication now",
    `${count(answer.periods.length, "period")} of ${count(rows.length, "medication")}`,
    gaps[answer.gap].words,
  ];
  if (answer.anomalies.length) parts.push(`${count(answer.anomalies.length, "report")} without effect`);
  return parts.join(" · ");
}

async function sayNone(asked, signal) {
  const known = await isKnown(asked.patient, signal);
  forget();
  say(known
    ? `All reports of patient ${asked.patient} were cancelled: there is no medication period.`
    : `Nothing is known of patient ${asked.patient}. Is the identifier written as the reports have it?`,
  "none");
}

function welcome() {
  forget();
  say("Enter a patient’s identifier to see the medication periods.", "welcome");
  byId("patient").focus();
}

function forget() {
  answer = null;
  byId("answer").hidden = true;
  document.title = "Medication periods";
}

function say(words, kind = "") {
  const message = byId("message");
  message.className = kind;
  message.textContent = words;
}

function sayTrouble(words) {
  say(words, "trouble");
  const again = Object.assign(document.createElement("button"), { type: "button", textContent: "Try again" });
  again.addEventListener("click", follow);
  byId("message").append(" ", again);
}

async function why(period) {
  returnTo = document.activeElement === document.body ? chartElement : document.activeElement;
  const asked = answer;
  try {
    const explained = await explain(asked, period);
    if (answer !== asked) return;
    showExplanation(explanation, period, explained, asked.gap, () => {
      closeExplanation();
      returnTo.focus();
    });
    explanation.hidden = false;
    explanation.parentElement.classList.add("explained");
    explanation.scrollIntoView({ block: "nearest" });
    explanation.focus({ preventScroll: true });
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    sayTrouble(error.message);
  }
}

function closeExplanation() {
  explanation.hidden = true;
  explanation.parentElement.classList.remove("explained");
  explanation.replaceChildren();
}

async function copy() {
  const copied = byId("copied");
  try {
    await navigator.clipboard.writeText(table.values());
    copied.textContent = `${count(table.periods.length, "period")} copied, times in UTC.`;
  } catch {
    // Browsers give the clipboard to https and localhost alone.
    table.showAll();
    getSelection().selectAllChildren(table.table);
    copied.textContent = "The table is selected: copy it with Ctrl C.";
  }
}

byId("zone").textContent = zone;
byId("find").addEventListener("submit", (event) => {
  event.preventDefault();
  const patient = byId("patient").value.trim();
  const { gap, ...asked } = read();
  if (patient === asked.patient) answer = null;
  write({ patient, gap, medications: patient === asked.patient ? asked.medications : [] });
  if (patient === asked.patient) follow();
});
byId("gap").addEventListener("change", (event) => write({ ...read(), gap: event.target.value }));
byId("copy").addEventListener("click", copy);
byId("print").addEventListener("click", () => print());
explanation.addEventListener("keydown", (event) => {
  if (event.key === "Escape") explanation.querySelector("button").click();
});
document.querySelector("[data-skip]").addEventListener("click", (event) => {
  // A fragment of its own would replace the one that holds the page's state.
  event.preventDefault();
  byId("periods-heading").focus();
});
const views = {
  earlier: () => chart.pan(-0.5),
  later: () => chart.pan(0.5),
  in: () => chart.zoomBy(2),
  out: () => chart.zoomBy(0.5),
  fit: () => chart.fit(),
  now: () => chart.centre(Date.now()),
};
for (const button of document.querySelectorAll("[data-view]")) {
  button.addEventListener("click", views[button.dataset.view]);
}
listenToKeys(chartElement, chart, () => {
  const chosen = chart.chosenPeriod();
  if (chosen) why(chosen);
});
chartElement.addEventListener("keydown", () => {
  const chosen = chart.chosenPeriod();
  if (chosen) chart.say(`${chosen.medication}: ${extent(chosen)}`);
});
addEventListener("hashchange", follow);
addEventListener("beforeprint", () => {
  table.showAll();
  chart.print(true);
});
addEventListener("afterprint", () => chart.print(false));
follow();
