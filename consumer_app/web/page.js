// The page: what is asked for is in the address, and everything else follows from it.

import { Chart } from "./chart.js";
import { listenToButtons, listenToKeys } from "./controls.js";
import { Explanation } from "./explanation.js";
import { Filter } from "./filter.js";
import { go, keep, read } from "./fragment.js";
import { say, sayNone, sayProblem } from "./message.js";
import { reachOf, toRows } from "./rows.js";
import { findPeriods, findProblems, isKnown, NoAnswer } from "./service.js";
import { access, endOfSession, isSignedIn, SignedOut } from "./session.js";
import { startSession } from "./signing.js";
import { AnomalyTable, PeriodTable } from "./tables.js";
import { arrival, extent, summary, zone } from "./words.js";

const SLOW_MS = 150;
const SETTLED_MS = 250;

const byId = (id) => document.getElementById(id);
const chartElement = byId("chart");
const filter = new Filter((medications) => change({ medications }));
const chart = new Chart(chartElement, {
  onPoint: (words) => (byId("pointed").textContent = words),
  onView: settle,
  onChoose: why,
  onAnomaly: (anomaly) => anomalyTable.find(anomaly),
});
const periodTable = new PeriodTable(byId("periods"), byId("more"), (period) => {
  chart.choose(period);
  why(period);
});
const anomalyTable = new AnomalyTable(byId("anomalies"));
const explanation = new Explanation(byId("explanation"), tellProblem);

let answer = null;
let rows = [];
let problems = {};
let lastReceived = null;
let pending = null;
let settling = null;

/** Show what the address asks for. */
async function follow() {
  const asked = read();
  pending?.abort();
  byId("patient").value = asked.patient;
  if (access !== "none" && !isSignedIn()) return waitForSignIn(asked);
  if (!asked.patient) return welcome();
  pending = new AbortController();
  if (answer?.patient === asked.patient && answer.gap === asked.gap) {
    lookForProblems(pending.signal);
    return show(asked);
  }
  await ask(asked, pending.signal);
}

async function ask(asked, signal) {
  if (answer?.patient !== asked.patient) forget();
  lookForProblems(signal);
  const slow = setTimeout(() => say(`Loading patient ${asked.patient} …`), SLOW_MS);
  try {
    const found = await findPeriods(asked, signal);
    lastReceived = found.lastReceived;
    tellArrival();
    if (found.periods.length + found.anomalies.length) return take(found, asked);
    const known = await isKnown(asked.patient, signal);
    forget();
    sayNone(asked.patient, known);
  } catch (error) {
    // Who is signed out sees what was shown for as long as nothing else is asked for.
    if (signal.aborted || error instanceof SignedOut) return;
    // What was shown may be of other periods than the controls now say.
    forget();
    tellProblem(error);
  } finally {
    clearTimeout(slow);
  }
}

async function lookForProblems(signal) {
  // A service that does not answer at all is told of in other words.
  const found = await findProblems(signal).catch(() => ({}));
  if (signal.aborted) return;
  problems = found;
  tellArrival();
}

function tellArrival() {
  const words = arrival(problems, lastReceived);
  byId("receiving").textContent = words;
  byId("receiving").hidden = !words;
}

function take(found, asked) {
  answer = found;
  rows = toRows(answer);
  filter.offer(rows);
  byId("patient-heading").textContent = `Patient ${answer.patient}`;
  byId("counts").textContent = summary(answer, rows);
  document.title = `Patient ${answer.patient} – Medication periods`;
  show(asked);
}

function show(asked) {
  const names = rows.map((row) => row.name);
  const chosen = asked.medications.filter((name) => names.includes(name));
  const shown = new Set(chosen.length ? chosen : names);
  const shownRows = rows.filter((row) => shown.has(row.name));
  say("");
  explanation.close();
  byId("answer").hidden = false;
  byId("chosen").textContent = byId("copied").textContent = "";
  document.querySelector(`[name=gap][value="${asked.gap}"]`).checked = true;
  filter.show(chosen);
  chart.show(shownRows, reachOf(rows, Date.now()), asked.stretch);
  periodTable.show(answer.periods.filter((each) => shown.has(each.medication)), shownRows);
  anomalyTable.show(answer.anomalies.filter((each) => shown.has(each.medication)));
}

/** What a ward's screen shows stays when its session ends: the bar says as of when it is. */
function waitForSignIn(asked) {
  const isShown = answer?.patient === asked.patient && answer.gap === asked.gap;
  if (endOfSession() && isShown) return show(asked);
  forget();
  say("Sign in to see medication periods.");
}

/** Whoever signs in sees what they may see now, and nothing of what was shown before. */
function signedInOrOut() {
  if (isSignedIn()) answer = null;
  follow();
}

function welcome() {
  forget();
  problems = {};
  tellArrival();
  say("Enter a patient’s identifier to see the medication periods.");
  byId("patient").focus();
}

function forget() {
  answer = null;
  byId("answer").hidden = true;
  document.title = "Medication periods";
}

function tellProblem(error) {
  if (error instanceof SignedOut) return;
  if (!(error instanceof NoAnswer)) throw error;
  sayProblem(error.message, follow);
}

/** Go to the state as it is seen, changed. */
function change(part) {
  go({ ...read(), stretch: chart.view.shown, ...part });
}

/** Keep the stretch of time in the address, once it has settled. */
function settle() {
  clearTimeout(settling);
  settling = setTimeout(() => {
    if (answer?.patient === read().patient) keep({ ...read(), stretch: chart.view.shown });
  }, SETTLED_MS);
}

function why(period) {
  const focused = document.activeElement;
  explanation.open(answer, period, focused === document.body ? chartElement : focused);
}

function find(event) {
  event.preventDefault();
  const patient = byId("patient").value.trim();
  const asked = read();
  if (patient !== asked.patient) return go({ patient, gap: asked.gap, medications: [] });
  answer = null;
  follow();
}

byId("zone").textContent = zone;
byId("find").addEventListener("submit", find);
byId("gap").addEventListener("change", (event) => change({ gap: event.target.value }));
byId("print").addEventListener("click", () => print());
byId("copy").addEventListener("click", async () => {
  byId("copied").textContent = await periodTable.copy();
});
document.querySelector(".skip").addEventListener("click", (event) => {
  // A fragment of its own would replace the one that holds the page's state.
  event.preventDefault();
  byId("periods-heading").focus();
});
listenToButtons(document.querySelectorAll("[data-view]"), chart);
const withChosen = (act) => () => {
  if (chart.choice.period) act(chart.choice.period);
};
listenToKeys(chartElement, chart, {
  onStep: withChosen((period) => {
    byId("chosen").textContent = `${period.medication}: ${extent(period)}`;
  }),
  onEnter: withChosen(why),
});
addEventListener("hashchange", follow);
addEventListener("beforeprint", () => {
  periodTable.showAll();
  chart.print(true);
});
addEventListener("afterprint", () => chart.print(false));
await startSession(signedInOrOut);
follow();
