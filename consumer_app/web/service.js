// What the service knows of a patient.

import { current, end, SignedOut } from "./session.js";
import { gaps } from "./words.js";

const UNAUTHORIZED = 401;

/** An answer that is no answer, in words for the person who asked. */
export class NoAnswer extends Error {}

export async function findPeriods({ patient, gap }, signal) {
  const { body, lastReceived } = await ask("periods", query(patient, gap), signal);
  const periods = body.periods.map(inMilliseconds);
  const anomalies = body.anomalies.map(({ medication_name: medication, ...each }) =>
    ({ ...each, medication, time: Date.parse(each.event_time) }));
  return { patient, gap, periods, anomalies, lastReceived };
}

export async function isKnown(patient, signal) {
  const asked = new URLSearchParams({ patient_id: patient, limit: 1 });
  const { body } = await ask("events", asked, signal);
  return body.events.length > 0;
}

/** Find what keeps new reports from arriving now; what has come before is answered all the same. */
export async function findProblems(signal) {
  const { body } = await reach("health/ready", signal);
  return body.problems;
}

/** Find a period again with all that made it; one medication's events are few enough to fetch. */
export async function explain({ patient, gap }, period, signal) {
  const asked = query(patient, gap);
  asked.set("explain", "true");
  asked.set("medication_name", period.medication);
  const { body: { periods, events } } = await ask("periods", asked, signal);
  const at = periods.findIndex((each) => same(inMilliseconds(each), period));
  if (at < 0) throw new NoAnswer("The period has changed since: show the patient again.");
  return { period: periods[at], periods, events };
}

function query(patient, gap) {
  const asked = new URLSearchParams({ patient_id: patient });
  if (gaps[gap].duration) asked.set("merge_gap", gaps[gap].duration);
  return asked;
}

async function ask(path, asked, signal) {
  const token = current();
  // As a form: an address would be in the logs of each proxy on the way.
  const form = { method: "POST", body: asked };
  const { ok, status, body, lastReceived } = await reach(`${path}/_search`, signal, token, form);
  if (ok) return { body, lastReceived };
  const { detail = "no reason given" } = body;
  if (status === UNAUTHORIZED && token) {
    end(detail, token);
    throw new SignedOut();
  }
  const reason = Array.isArray(detail) ? detail.map((each) => each.reason).join("; ") : detail;
  throw new NoAnswer(`The service can’t answer (${status}): ${reason}.`);
}

async function reach(address, signal, token = null, request = {}) {
  try {
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    const answer = await fetch(address, { ...request, signal, cache: "no-store", headers });
    const received = answer.headers.get("X-Last-Event-Received");
    const lastReceived = received && Date.parse(received);
    return { ok: answer.ok, status: answer.status, body: await answer.json(), lastReceived };
  } catch (error) {
    if (signal.aborted) throw error;
    throw new NoAnswer(
      "The service does not answer. It may be restarting, or the network is down.");
  }
}

function inMilliseconds(period) {
  return {
    medication: period.medication_name,
    start: Date.parse(period.start),
    end: period.end === null ? null : Date.parse(period.end),
  };
}

function same(one, other) {
  return one.start === other.start && one.end === other.end;
}
