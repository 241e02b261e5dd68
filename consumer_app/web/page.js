// The page: what is asked for is in the address, and everything else follows from it.

import { AnomalyGroups } from "./anomaly_groups.js";
import { measureBar, offerZones, showBar, showFreshness } from "./bar.js";
import { changesBetween } from "./changes.js";
import { ChangesSeen } from "./changes_seen.js";
import { Chart } from "./chart.js";
import { listenToButtons, listenToKeys } from "./controls.js";
import { Explanation } from "./explanation.js";
import { Filter } from "./filter.js";
import { go, keep, read } from "./fragment.js";
import { POLL_MS } from "./freshness.js";
import { listenToInstant, showInstant } from "./instant_field.js";
import { drawnOf } from "./joined.js";
import { lookAt } from "./looked.js";
import { listenToMenus } from "./menus.js";
import { say, sayNone, sayProblem } from "./message.js";
import { showOn } from "./on.js";
import { Orders } from "./orders.js";
import { layOut } from "./paper.js";
import { PeriodTable } from "./period_table.js";
import { Polling } from "./polling.js";
import { Receiving } from "./receiving.js";
import { completePatients, RecentPatients } from "./recent.js";
import { reachOf, toRows } from "./rows.js";
import { findPeriods, isKnown, NoAnswer } from "./service.js";
import { access, endOfSession, isSignedIn, SignedOut } from "./session.js";
import { completes, hospitalZone, keepsPatients } from "./settings.js";
import { startSession } from "./signing.js";
import { roomy } from "./stays.js";
import { steadily } from "./steady.js";
import { Strip } from "./strip.js";
import { copyLink, saveTable } from "./taking.js";
import { waitFor } from "./waiting.js";
import { count, days, difference, extent, filtered, summary } from "./words.js";
import { zone } from "./zones.js";

const SETTLED_MS = 250;
const SECOND = 1_000;

const byId = (id) => document.getElementById(id);
const parts = ["chart", "on", "timeline", "tables", "anomalies"].map(byId);
const filter = new Filter((medications) => change({ medications }));
const chart = new Chart(byId("chart"), {
  onWindow: moved,
  onInstant: (instant) => change({ instant }),
  onWhy: why,
  onRows: (below) => {
    byId("rows-below").textContent = below ? `${count(below, "row")} more below` : "";
  },
});
const strip = new Strip(byId("strip"), byId("stays"), show);
const changes = new ChangesSeen(byId("changes"), render);
const periodTable = new PeriodTable(byId("periods"), byId("more"), why);
const anomalyGroups = new AnomalyGroups(byId("anomalies"), why);
const explanation = new Explanation(byId("explanation"), {
  onClose: () => change({ why: null }),
  onProblem: tellProblem,
});
const orders = new Orders();
const receiving = new Receiving(byId("receiving"));
const recent = new RecentPatients(keepsPatients, goToPatient);
const polling = new Polling(askAgain, POLL_MS, () => !document.hidden);

let answer = null;
let rows = [];
let drawn = null;
let looked = null;
let isUnfolded = false;
let pending = null;
let settling = null;

/** Show what the address asks for. */
async function follow() {
  const asked = read();
  settled();
  pending?.abort();
  byId("patient").value = asked.patient;
  if (access !== "none" && !isSignedIn()) return waitForSignIn(asked);
  if (!asked.patient) return welcome();
  pending = new AbortController();
  receiving.look(pending.signal);
  if (isAnswerTo(asked)) return render();
  await ask(asked, pending.signal);
}

const isEmpty = ({ periods, anomalies }) => periods.length + anomalies.length === 0;

const isAnswerTo = ({ patient }) => answer?.patient === patient;

async function ask(asked, signal) {
  if (!isAnswerTo(asked)) forget();
  try {
    const found = await waitFor(
      findPeriods(asked, signal), () => say(`Loading patient ${asked.patient} …`));
    receiving.hear(found.lastReceived);
    if (!isEmpty(found)) return begin(found);
    const known = await isKnown(asked.patient, signal);
    forget();
    sayNone(asked.patient, known);
  } catch (error) {
    // Who is signed out sees what was shown for as long as nothing else is asked for.
    if (signal.aborted || error instanceof SignedOut) return;
    // What was shown may not be true any more.
    forget();
    tellProblem(error);
  }
}

function begin(found) {
  if (answer?.patient !== found.patient) looked = null;
  changes.forget();
  take(found);
  recent.add(found.patient);
  document.title = `Patient ${found.patient} – Medication periods`;
  render();
  polling.start();
}

function take(found) {
  answer = found;
  rows = toRows(answer);
  filter.offer(rows);
}

/** Ask again for what is shown; who gets no answer goes on seeing as of when it is. */
async function askAgain(signal) {
  const before = answer;
  receiving.look(signal);
  const found = await findPeriods(before, signal, before.tag);
  if (answer !== before || signal.aborted) return;
  receiving.hear(found.lastReceived);
  if (found.isSame) {
    Object.assign(answer, { asOf: found.asOf, ahead: found.ahead });
  } else if (isEmpty(found)) {
    answer = null;
    return follow();
  } else {
    changes.add(changesBetween(before, found));
    take(found);
  }
  return render();
}

/** Show what the answer says of the instant and the window that are asked for. */
function render() {
  const asked = seen();
  if (!isAnswerTo(asked)) return;
  const now = Date.now();
  if (drawn?.answer !== answer || drawn.gap !== asked.gap) drawn = drawnOf(answer, asked.gap);
  looked = lookAt(rows, drawn, asked, looked?.usual ?? null, now);
  steadily(parts, () => {
    say("");
    byId("answer").hidden = false;
    byId("copied").textContent = "";
    renderControls(asked, now);
    strip.show(looked);
    renderRows(asked, now);
    renderTables(now);
  });
  explanation.follow(asked.why, drawn, zone());
  addOrders();
}

function renderControls({ gap, medications, instant }, now) {
  document.querySelector(`[name=gap][value="${gap}"]`).checked = true;
  filter.show(medications);
  showBar(answer, instant);
  showFreshness(answer.asOf);
  showInstant(instant, now);
}

function renderRows({ instant, why: explained }, now) {
  const { groups, on, shown, window } = looked;
  const { marked } = changes;
  showOn({ rows: on, all: rows, instant, now, orders: orders.at(looked.instant), marked }, why);
  const differs = difference(shown, drawn.rows, drawn.gap);
  byId("difference").hidden = !differs;
  byId("difference").firstElementChild.textContent = differs;
  chart.show({ groups, isUnfolded, marked, instant, asOf: answer.asOf, window, explained });
  const others = count(groups.others.length, "medication");
  byId("others").hidden = !groups.others.length;
  byId("others").ariaPressed = isUnfolded;
  byId("others").textContent = `${others} not in this window: ${isUnfolded ? "hide" : "show"}`;
  byId("shown").textContent = days(window);
  byId("nothing").hidden = groups.on.length + groups.also.length > 0;
}

function renderTables(now) {
  const { periods, anomalies } = looked;
  byId("counts").textContent = summary({ periods, anomalies, gap: drawn.gap });
  periodTable.show(periods, rows, now, changes.marked);
  anomalyGroups.show(anomalies, answer.withoutEffect);
}

/** The orders of what is on are asked for beside all else. */
async function addOrders() {
  const medications = looked.on.map(({ name }) => name);
  if (await orders.find(answer, medications, pending.signal)) render();
}

/** What a ward's screen shows stays when its session ends: the bar says as of when it is. */
function waitForSignIn(asked) {
  polling.stop();
  if (endOfSession() && isAnswerTo(asked)) return say("");
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
  receiving.forget();
  say("Enter a patient’s identifier to see the medication periods.");
  byId("patient").focus();
}

function forget() {
  answer = drawn = looked = null;
  isUnfolded = false;
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

/** The state as it is seen: what is just being moved is in the address a little later. */
function seen() {
  return settling === null ? read() : { ...read(), window: chart.view.window };
}

/** Go to the state as it is seen, changed. */
function change(part) {
  go({ ...seen(), ...part });
}

function goToPatient(patient) {
  go({ patient, gap: read().gap });
}

/** Show another stretch of time. */
function show(window) {
  chart.view.look(window);
  moved();
}

/** Another stretch of time is seen: the address and the rest follow once it has settled. */
function moved() {
  strip.look(chart.view.window);
  settled();
  settling = setTimeout(() => {
    // On the way to another patient there is nothing to keep.
    if (isAnswerTo(read())) keep(seen());
    settled();
    render();
  }, SETTLED_MS);
}

function settled() {
  clearTimeout(settling);
  settling = null;
}

function why({ medication, start, end, time }) {
  explanation.from(document.activeElement);
  change({ why: { medication, time: start ?? time, end } });
}

function find(event) {
  event.preventDefault();
  const patient = byId("patient").value.trim();
  if (patient !== read().patient) return goToPatient(patient);
  answer = null;
  follow();
}

async function takeAway(format) {
  const { signal } = pending;
  try {
    const tell = () => (byId("copied").textContent = "Loading …");
    await waitFor(saveTable(drawn, chart.view.window, format, signal), tell);
    byId("copied").textContent = "";
  } catch (error) {
    if (!signal.aborted) tellProblem(error);
  }
}

function layOutPaper() {
  if (!looked) return;
  const { groups, shown, window } = looked;
  const { instant } = read();
  layOut(byId("sheets"), {
    groups,
    orders: orders.at(looked.instant),
    filter: filtered(shown, drawn.rows),
    drawn,
    window,
    instant,
  });
}

byId("find").addEventListener("submit", find);
byId("gap").addEventListener("change", (event) => change({ gap: event.target.value }));
byId("others").addEventListener("click", () => {
  isUnfolded = !isUnfolded;
  render();
});
byId("unchanged").addEventListener("click", () => change({ medications: [], gap: "exact" }));
byId("print").addEventListener("click", () => print());
for (const each of document.querySelectorAll("[data-take]")) {
  each.addEventListener("click", () => takeAway(each.dataset.take));
}
byId("link").addEventListener("click", async () => {
  byId("copied").textContent = await copyLink();
});
byId("latest").addEventListener("click", () => change({ window: null }));
byId("copy").addEventListener("click", async () => {
  byId("copied").textContent = await periodTable.copy();
});
document.querySelector(".skip").addEventListener("click", (event) => {
  // A fragment of its own would replace the one that holds the page's state.
  event.preventDefault();
  byId("periods-heading").focus();
});
listenToInstant((instant) => change({ instant }));
listenToMenus();
measureBar();
const views = {
  onAll: () => show(roomy(reachOf(rows, Date.now()))),
  onNow: () => chart.view.centre(Date.now()),
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
  onFit: withChosen(({ medication }) => chart.fit(drawn.rows.find(({ name }) => name === medication))),
  onInstant: withChosen(({ start }) => change({ instant: start })),
});
offerZones(hospitalZone, render);
if (completes) completePatients(byId("patient"), byId("patients"));
setInterval(() => {
  if (answer) showFreshness(answer.asOf);
}, SECOND);
addEventListener("hashchange", follow);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) polling.wake();
});
addEventListener("beforeprint", layOutPaper);
await startSession(signedInOrOut);
follow();
