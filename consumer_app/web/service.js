// What the service knows of a patient.

import { current, end, SignedOut } from "./session.js";
import { gaps } from "./words.js";

const UNAUTHORIZED = 401;
const UNREADABLE = 422;
// What a form is answered that asks whether anything has changed, where nothing has.
const UNCHANGED = 412;
const PAGE = 1000;

/** An answer that is no answer, in words for the person who asked. */
export class NoAnswer extends Error {}

/**
 * Find a patient's periods with what is doubtful of them; null where they are what `tag`, that of an
 * earlier answer, stands for. The answer is as of `asOf`, by this machine's clock.
 */
export async function findPeriods({ patient }, signal, tag = null) {
  const asked = query(patient);
  asked.set("doubts", "true");
  const { body, ...came } = await ask("periods", asked, signal, tag);
  if (body === null) return { ...came, isSame: true };
  return {
    ...came,
    isSame: false,
    patient,
    periods: body.periods.map(readPeriod),
    anomalies: body.anomalies.map(readAnomaly),
    withoutEffect: body.without_effect,
    lastReport: instantOf(body.last_received_at),
  };
}

/** Find all events of medications, with what each did. */
export async function findEvents(patient, medications, signal) {
  // Without a name it would be those of all.
  if (!medications.length) return [];
  const asked = query(patient);
  asked.set("explain", "true");
  for (const name of medications) asked.append("medication_name", name);
  const { body } = await ask("periods", asked, signal);
  return body.events;
}

export async function isKnown(patient, signal) {
  const asked = new URLSearchParams({ patient_id: patient, limit: 1 });
  const { body } = await ask("events", asked, signal);
  return body.events.length > 0;
}

/** Find what keeps new reports from arriving now; what has come before is answered all the same. */
export async function findProblems(signal) {
  const { body } = await reach("health/ready", { signal });
  return body.problems;
}

/** Find a medication's periods again, joined over a gap, with all the events that made them. */
export async function explain({ patient }, gap, medication, signal) {
  const asked = query(patient, gap);
  asked.set("explain", "true");
  asked.set("medication_name", medication);
  const { body: { periods, events } } = await ask("periods", asked, signal);
  return { periods, events };
}

/** Give each page of all that a patient's reports say, with when they were received. */
export async function* pagesOfEvents({ patient }, signal) {
  const asked = new URLSearchParams({ patient_id: patient, limit: PAGE });
  for (let next = ""; next !== undefined;) {
    const { body } = await ask("events", asked, signal);
    yield body.events;
    next = body.next ?? undefined;
    asked.set("after", next);
  }
}

/** Find the identifiers of patients that begin so. */
export async function findPatients(prefix, signal) {
  const { body } = await ask("patients", new URLSearchParams({ prefix, limit: 10 }), signal);
  return body.patients;
}

/**
 * Fetch the periods of a window, as they are drawn: as a text in the format `csv`, as an object in
 * `json`.
 */
export async function findTable({ answer: { patient }, gap }, { from, to }, format, signal) {
  const asked = query(patient, gap);
  asked.set("from", new Date(from).toISOString());
  asked.set("to", new Date(to).toISOString());
  asked.set("format", format);
  const { body } = await ask("periods", asked, signal);
  return body;
}

function query(patient, gap = "exact") {
  const asked = new URLSearchParams({ patient_id: patient });
  if (gaps[gap].duration) asked.set("merge_gap", gaps[gap].duration);
  return asked;
}

/** Ask by a form; the body is null where it is what `tag` stands for. */
async function ask(path, asked, signal, tag = null) {
  const token = current();
  // An address would be in the logs of each proxy on the way.
  const form = { method: "POST", body: asked };
  const { ok, status, body, ...came } = await reach(`${path}/_search`, { signal, token, form, tag });
  if (ok || status === UNCHANGED) return { body, ...came };
  const { detail = "no reason given" } = body;
  if (status === UNAUTHORIZED && token) {
    end(detail, token);
    throw new SignedOut();
  }
  throw new NoAnswer(refusal(status, detail));
}

function refusal(status, detail) {
  const reason = Array.isArray(detail) ? detail.map((each) => each.reason).join("; ") : detail;
  return status === UNREADABLE ? `This can’t be a patient’s identifier: ${reason}.`
    : `The service can’t answer (${status}): ${reason}.`;
}

async function reach(address, { signal, token = null, form = {}, tag = null }) {
  try {
    const headers = new Headers();
    if (token) headers.set("Authorization", `Bearer ${token}`);
    if (tag) headers.set("If-None-Match", tag);
    const answer = await fetch(address, { ...form, signal, cache: "no-store", headers });
    const { ok, status } = answer;
    return { ok, status, ...heard(answer.headers), body: await bodyOf(answer) };
  } catch (error) {
    if (signal.aborted) throw error;
    throw new NoAnswer(
      "The service does not answer. It may be restarting, or the network is down.");
  }
}

/** What is told beside an answer's body. */
function heard(headers) {
  const asOf = Date.now();
  return {
    asOf,
    // The header has whole seconds.
    ahead: asOf - (instantOf(headers.get("Date")) ?? asOf),
    tag: headers.get("ETag"),
    lastReceived: instantOf(headers.get("X-Last-Event-Received")),
  };
}

function bodyOf(answer) {
  if (answer.status === UNCHANGED) return null;
  const isTable = answer.headers.get("Content-Type").startsWith("text/csv");
  return isTable ? answer.text() : answer.json();
}

const instantOf = (text) => (text === null ? null : Date.parse(text));

const readPeriod = ({ medication_name: medication, start, end: until, doubts }) => ({
  medication,
  start: Date.parse(start),
  end: instantOf(until),
  doubts: doubts.map((doubt) => ({
    ...doubt,
    time: Date.parse(doubt.time),
    received_at: instantOf(doubt.received_at),
    of: { [until]: "stop", [start]: "start" }[doubt.time] ?? "change",
  })),
});

const readAnomaly = ({ medication_name: medication, event_time, ...rest }) =>
  ({ ...rest, medication, event_time, time: Date.parse(event_time) });
