// The bar in which one signs in and out.

import { forgetPatients } from "./recent.js";
import { access, endOfSession, isSignedIn, listen, signIn } from "./session.js";
import { clock } from "./words.js";

const FAILED = "Signing in failed: try again, or ask who runs the service.";
const UNSAFE = "Signing in needs https, or this machine: ask who runs the service.";

const byId = (id) => document.getElementById(id);
const provider = access === "oidc" ? await import("./provider.js") : null;

/** Let people sign in where the service asks for it; `onChange` is called when they have, or when a
 *  session has ended. Await it before anything is asked: it takes up a sign-in on its way. */
export async function startSession(onChange) {
  if (access === "none") return;
  byId("session").hidden = false;
  byId("session-token").addEventListener("submit", takeToken);
  byId("sign-in").addEventListener("click", () => attempt(provider.goToSignIn));
  byId("sign-out").addEventListener("click", leave);
  let problem = "";
  if (provider?.isBack()) problem = await attempt(provider.comeBack);
  provider?.forgetTheWay();
  addEventListener("pageshow", () => provider?.forgetTheWay());
  listen(() => {
    if (!isSignedIn()) provider?.forget();
    show();
    onChange();
  });
  show(problem);
}

function show(problem = "") {
  const isIn = isSignedIn();
  byId("session-token").hidden = isIn || access !== "token";
  byId("sign-in").hidden = isIn || access !== "oidc";
  byId("sign-out").hidden = !isIn;
  byId("session-state").textContent = problem || inWords(endOfSession());
}

function inWords(session) {
  return session === null ? "" : `Signed out, as of ${clock(session.at)}: ${session.why}.`;
}

function takeToken(event) {
  event.preventDefault();
  const field = byId("token");
  const given = field.value.trim();
  field.value = "";
  if (given) signIn(given);
}

/** Leave nothing of patients behind: in the page, in its address, or in the browser. */
function leave() {
  forgetPatients();
  if (provider) return provider.signOut();
  return location.replace(`${location.origin}${location.pathname}`);
}

async function attempt(act) {
  if (!isSecureContext) return tell(UNSAFE);
  try {
    await act();
    return "";
  } catch {
    // What a provider says of a failure is for its own log: it may repeat what it was sent.
    return tell(FAILED);
  }
}

function tell(problem) {
  show(problem);
  return problem;
}
