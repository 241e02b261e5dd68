// The page: what is asked for is in the address, and everything else follows from it.

import { AnomalyGroups } from "./anomaly_groups.js";
import { offerZones, showBar, showFreshness } from "./bar.js";
import { changesBetween } from "./changes.js";
import { ChangesSeen } from "./changes_seen.js";
import { Chart } from "./chart.js";
import { listenToButtons, listenToKeys } from "./controls.js";
import { Explanation } from "./explanation.js";
import { Filter } from "./filter.js";
import { go, keep, read } from "./fragment.js";
import { POLL_MS } from "./freshness.js";
import { say, sayNone, sayProblem } from "./message.js";
import { showOn } from "./on.js";
import { Orders } from "./orders.js";
import { layOut } from "./paper.js";
import { PeriodTable } from "./period_table.js";
import { Polling } from "./polling.js";
import { completePatients, RecentPatients } from "./recent.js";
import { grouped, meets, reachOf, toRows } from "./rows.js";
import { findPeriods, findProblems, findTable, isKnown, NoAnswer } from "./service.js";
import { access, endOfSession, isSignedIn, SignedOut } from "./session.js";
import { completes, hospitalZone, keepsPatients } from "./settings.js";
import { startSession } from "./signing.js";
import { followed, roomy, staysOf, usualWindow } from "./stays.js";
import { Strip } from "./strip.js";
import { arrival, count, days, extent, MINUTE, summary } from "./words.js";
import { instantOf, wallOf, zone } from "./zones.js";

const SLOW_MS = 150;
const SETTLED_MS = 250;
const SECOND = 1_000;

const byId = (id) => document.getElementById(id);
const filter = new Filter((medications) => change({ medications }));
const chart = new Chart(byId("chart"), {
  onWindow: moved,
  onInstant: (instant) => change({ instant }),
  onWhy: why,
  onRows: (below) => (byId("rows-below").textContent = below ? `${count(below, "row")} more below` : ""),
});
const strip = new Strip(byId("strip"), byId("stays"), (window) => {
  chart.view.look(window);
  moved();
});
const changes = new ChangesSeen(byId("changes"), () => show(read()));
const periodTable = new PeriodTable(byId("periods"), byId("more"), why);
const anomalyGroups = new AnomalyGroups(byId("anomalies"), why);
const explanation = new Explanation(byId("explanation"), {
  onClose: () => change({ why: null }),
  onProblem: tellProblem,
});
const recent = new RecentPatients(keepsPatients, (patient) => goToPatient(patient));
const orders = new Orders();
const polling = new Polling(askAgain, POLL_MS, () => !document.hidden);

let answer = null;
let rows = [];
let stays = [];
let usual = null;
let isUnfolded = false;
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
  lookForProblems(pending.signal);
  if (isAnswerTo(asked)) return show(asked);
  await ask(asked, pending.signal);
}

const isAnswerTo = ({ patient, gap }) => answer?.patient === patient && answer.gap === gap;

async function ask(asked, signal) {
  if (answer?.patient !== asked.patient) forget();
  const slow = setTimeout(() => say(`Loading patient ${asked.patient} …`), SLOW_MS);
  try {
    const found = await findPeriods(asked, signal);
    lastReceived = found.lastReceived;
    tellArrival();
    if (found.periods.length + found.anomalies.length) return begin(found, asked);
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

/** Ask again for what is shown; who gets no answer goes on seeing as of when it is. */
async function askAgain(signal) {
  const asked = read();
  if (!isAnswerTo(asked)) return;
  const before = answer;
  lookForProblems(signal);
  const found = await findPeriods(asked, signal, before.tag);
  if (answer !== before || signal.aborted) return;
  lastReceived = found.lastReceived;
  if (found.isSame) {
    Object.assign(answer, { asOf: found.asOf, ahead: found.ahead });
  } else {
    changes.add(changesBetween(before, found));
    take(found);
  }
  show(read());
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

function begin(found, asked) {
  if (answer?.patient !== found.patient) {
    usual = null;
    isUnfolded = false;
  }
  changes.forget();
  take(found);
  recent.add(found.patient);
  document.title = `Patient ${found.patient} – Medication periods`;
  show(asked);
  polling.start();
}

function take(found) {
  answer = found;
  rows = toRows(answer);
  filter.offer(rows);
}

/** Show what the answer says of the instant and the window that are asked for. */
function show(asked) {
  const now = Date.now();
  const instant = asked.instant ?? now;
  const known = reachOf(rows, now);
  stays = staysOf(rows, now).map((stay) => ({ ...stay, window: roomy(stay) }));
  usual = followed(usual, usualWindow(stays, Math.min(now, known.to)));
  const window = asked.window ?? roomy(usual);
  const shownRows = chosenRows(asked.medications);
  say("");
  byId("answer").hidden = false;
  byId("copied").textContent = "";
  document.querySelector(`[name=gap][value="${asked.gap}"]`).checked = true;
  showBar(answer, asked.instant);
  showFreshness(answer.asOf);
  byId("instant").value = inField(asked.instant ?? Math.floor(now / MINUTE) * MINUTE);
  const reach = roomy({ ...known, to: Math.max(known.to, now) }, 0.01);
  strip.show({ rows: shownRows, reach, stays, window, instant });
  showRows({ ...asked, window }, shownRows, now);
  showOrders(asked);
  explanation.follow(asked.why, answer, zone());
}

/** Show the rows in their groups, and the tables that follow the window. */
function showRows({ instant, window }, shownRows, now) {
  const groups = grouped(shownRows, instant ?? now, window);
  const { marked } = changes;
  showOn({
    rows: groups.on, all: shownRows, instant, now, orders: orders.of, marked,
  }, why);
  chart.show({ groups, isUnfolded, marked, instant, asOf: answer.asOf, window });
  byId("others").hidden = !groups.others.length;
  byId("others").ariaPressed = isUnfolded;
  byId("others").textContent =
    `${count(groups.others.length, "medication")} not in this window${isUnfolded ? ": hide" : ": show"}`;
  const shown = new Set(shownRows.map(({ name }) => name));
  const periods = answer.periods.filter((period) => shown.has(period.medication) && meets(period, window));
  const anomalies = answer.anomalies.filter(({ medication, time: at }) =>
    shown.has(medication) && at >= window.from && at <= window.to);
  byId("shown").textContent = days(window);
  byId("counts").textContent = summary({ periods, anomalies, gap: answer.gap });
  periodTable.show(periods, shownRows, now, marked);
  anomalyGroups.show(anomalies, answer.withoutEffect);
}

function chosenRows(medications) {
  const chosen = rows.filter(({ name }) => medications.includes(name));
  filter.show(chosen.map(({ name }) => name));
  return chosen.length ? chosen : rows;
}

/** Add the orders of what is on, which are asked for beside all else. */
async function showOrders(asked) {
  if (await orders.find(answer, asked.instant, pending.signal)) show(read());
}

/** What a ward's screen shows stays when its session ends: the bar says as of when it is. */
function waitForSignIn(asked) {
  polling.stop();
  if (endOfSession() && isAnswerTo(asked)) return show(asked);
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
  polling.stop();
  explanation.close();
  changes.forget();
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
  go({ ...read(), ...part });
}

function goToPatient(patient) {
  go({ patient, gap: read().gap });
}

/** Another stretch of time is looked at: the address and the rest follow once it has settled. */
function moved() {
  strip.look(chart.view.window);
  clearTimeout(settling);
  settling = setTimeout(() => {
    if (!isAnswerTo(read())) return;
    keep({ ...read(), window: chart.view.window });
    show(read());
  }, SETTLED_MS);
}

function why(item) {
  explanation.from(document.activeElement);
  change({ why: { time: item.start ?? item.time, medication: item.medication } });
}

function lookAt(window) {
  chart.view.look(window);
  moved();
}

function find(event) {
  event.preventDefault();
  const patient = byId("patient").value.trim();
  if (patient !== read().patient) return goToPatient(patient);
  answer = null;
  follow();
}

/** An instant as the field has it: without a zone, in that which is chosen. */
function inField(instant) {
  return new Date(wallOf(Math.floor(instant / SECOND) * SECOND)).toISOString().slice(0, 19);
}

async function takeAway() {
  try {
    const table = await findTable(answer, chart.view.window, pending.signal);
    const address = URL.createObjectURL(new Blob([table], { type: "text/csv" }));
    Object.assign(document.createElement("a"), { href: address, download: "periods.csv" }).click();
    URL.revokeObjectURL(address);
  } catch (error) {
    if (!pending.signal.aborted) tellProblem(error);
  }
}

function layOutPaper() {
  if (!answer) return;
  const { medications, instant } = read();
  const { window } = chart.view;
  const { on, also } = grouped(chosenRows(medications), instant ?? Date.now(), window);
  layOut(byId("sheets"), { rows: [...on, ...also], answer, window, instant });
}

byId("find").addEventListener("submit", find);
byId("gap").addEventListener("change", (event) => change({ gap: event.target.value }));
byId("instant-form").addEventListener("submit", (event) => {
  event.preventDefault();
  change({ instant: instantOf(Date.parse(`${byId("instant").value}Z`)) });
});
for (const id of ["now", "back-to-now"]) {
  byId(id).addEventListener("click", () => change({ instant: null }));
}
byId("others").addEventListener("click", () => {
  isUnfolded = !isUnfolded;
  show(read());
});
byId("print").addEventListener("click", () => print());
byId("take").addEventListener("click", takeAway);
byId("copy").addEventListener("click", async () => {
  byId("copied").textContent = await periodTable.copy();
});
document.querySelector(".skip").addEventListener("click", (event) => {
  // A fragment of its own would replace the one that holds the page's state.
  event.preventDefault();
  byId("periods-heading").focus();
});
const views = {
  onAll: () => lookAt(roomy(reachOf(rows, Date.now()))),
  onNow: () => {
    chart.view.centre(Date.now());
    moved();
  },
};
listenToButtons(document.querySelectorAll("[data-view]"), chart, views);
const withChosen = (act) => () => {
  if (chart.choice.period) act(chart.choice.period);
};
listenToKeys(byId("rows"), chart, {
  ...views,
  onStep: withChosen((period) => {
    byId("chosen").textContent = `${period.medication}: ${extent(period)}`;
  }),
  onEnter: withChosen(why),
  onFit: withChosen(({ medication }) => chart.fit(rows.find(({ name }) => name === medication))),
  onInstant: withChosen(({ start }) => change({ instant: start })),
});
offerZones(hospitalZone, () => {
  if (answer) show(read());
});
if (completes) completePatients(byId("patient"), byId("patients"));
setInterval(() => {
  if (!answer) return;
  showFreshness(answer.asOf);
  chart.redraw();
}, SECOND);
addEventListener("hashchange", follow);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) polling.wake();
});
addEventListener("beforeprint", layOutPaper);
await startSession(signedInOrOut);
follow();
