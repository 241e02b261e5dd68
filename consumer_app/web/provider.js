// Signing in at an identity provider: authorization code with PKCE (RFC 7636), by oauth4webapi.

import * as oauth from "oauth4webapi";

import { current, end, goOnWith, provider, signIn } from "./session.js";

const KEPT = "medication-periods.sign-in";
const LEFT = "medication-periods.signed-out";
const EARLY_SECONDS = 60;
const AGAIN_SECONDS = 10;
const LONGEST_SECONDS = 86_400;
const PATIENCE_MS = 20_000;

const issuer = new URL(provider.issuer);
const client = { client_id: provider.client };
const noSecret = oauth.None();
const here = `${location.origin}${location.pathname}`;

let server = null;
let refreshToken = null;
let idToken = null;
let renewal = null;

/** What each request to the provider needs. */
function options() {
  return {
    signal: AbortSignal.timeout(PATIENCE_MS),
    // By http alone where a provider is tried out on this machine: the service takes no other.
    [oauth.allowInsecureRequests]: issuer.protocol === "http:",
  };
}

async function discover() {
  if (server) return server;
  const answer = await oauth.discoveryRequest(issuer, options());
  server = await oauth.processDiscoveryResponse(issuer, answer);
  return server;
}

/** Go to the provider; the page's fragment, which names a patient, waits here and not there. */
export async function goToSignIn() {
  const { authorization_endpoint: endpoint } = await discover();
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const nonce = oauth.generateRandomNonce();
  const address = withQuery(endpoint, {
    response_type: "code",
    client_id: client.client_id,
    redirect_uri: here,
    scope: provider.scope,
    state,
    nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    resource: provider.resource,
    // Who has signed out is not followed by the next person under the same name.
    prompt: sessionStorage.getItem(LEFT) && "login",
  });
  sessionStorage.setItem(KEPT, JSON.stringify({ verifier, state, nonce, fragment: location.hash }));
  location.assign(address);
}

/** Forget a sign-in that was begun and given up: it names a patient. */
export function forgetTheWay() {
  sessionStorage.removeItem(KEPT);
}

/** Whether the provider has sent the browser back here. */
export function isBack() {
  const given = new URLSearchParams(location.search);
  return given.has("state") && (given.has("code") || given.has("error"));
}

/** Take the code for a token; the address is what it was before, and nothing is left of the way. */
export async function comeBack() {
  const address = new URL(location.href);
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "{}");
  forgetTheWay();
  history.replaceState(null, "", `${here}${kept.fragment ?? ""}`);
  const { verifier, state, nonce } = kept;
  if (!state) throw new Error("the sign-in was not begun in this window");
  const found = await discover();
  const code = oauth.validateAuthResponse(found, client, address, state);
  const answer = await oauth.authorizationCodeGrantRequest(
    found, client, noSecret, code, here, verifier, options());
  const tokens = await oauth.processAuthorizationCodeResponse(
    found, client, answer, { expectedNonce: nonce });
  sessionStorage.removeItem(LEFT);
  signIn(tokens.access_token);
  keep(tokens);
}

/** Forget the tokens, have the provider forget them, and leave its own session, too. */
export async function signOut() {
  const hint = idToken;
  const given = refreshToken;
  forget();
  sessionStorage.setItem(LEFT, "1");
  try {
    const found = await discover();
    if (given && found.revocation_endpoint) {
      await oauth.revocationRequest(found, client, noSecret, given, options()).catch(() => {});
    }
    if (found.end_session_endpoint) return location.replace(withQuery(found.end_session_endpoint, {
      client_id: client.client_id,
      id_token_hint: hint,
      post_logout_redirect_uri: here,
    }));
  } catch {
    // Away as it is, it can't be told; whoever signs in next has to say who it is.
  }
  return location.replace(here);
}

/** Renew no more, as where the session has ended by what the service says. */
export function forget() {
  clearTimeout(renewal);
  refreshToken = idToken = null;
}

function withQuery(endpoint, values) {
  const address = new URL(endpoint);
  for (const [name, value] of Object.entries(values)) {
    if (value) address.searchParams.set(name, value);
  }
  return address;
}

function keep({ refresh_token: next, id_token: id, expires_in: seconds }) {
  refreshToken = next ?? refreshToken;
  idToken = id ?? idToken;
  if (!seconds) return;
  const deadline = Date.now() + seconds * 1000;
  if (refreshToken) return renewIn(Math.max(seconds - EARLY_SECONDS, seconds / 2), deadline);
  later(seconds, () => end("its time is over"));
}

function later(seconds, act) {
  clearTimeout(renewal);
  // A timer takes no more than 24 days, and begins at once where it is told more.
  renewal = setTimeout(act, Math.min(seconds, LONGEST_SECONDS) * 1000);
}

/** Renew the token while it is still good; a provider that does not answer is asked again. */
function renewIn(seconds, deadline) {
  later(seconds, async () => {
    const used = refreshToken;
    try {
      await renew(used);
    } catch (error) {
      // Signed out meanwhile.
      if (refreshToken !== used) return;
      const isRefused = error instanceof oauth.ResponseBodyError;
      if (!isRefused && Date.now() < deadline) return renewIn(AGAIN_SECONDS, deadline);
      forget();
      end("it could not be renewed");
    }
  });
}

async function renew(used) {
  const found = await discover();
  const named = provider.resource && { additionalParameters: { resource: provider.resource } };
  const answer = await oauth.refreshTokenGrantRequest(
    found, client, noSecret, used, { ...options(), ...named });
  const tokens = await oauth.processRefreshTokenResponse(found, client, answer);
  if (refreshToken !== used || current() === null) return;
  goOnWith(tokens.access_token);
  keep(tokens);
}
