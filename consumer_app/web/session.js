// Who looks at the page: the token that its requests carry. It is in memory alone, and gone with it.

/** The service does not know who asks, or no longer. */
export class SignedOut extends Error {}

let token = null;
let ended = null;
let onChange = () => {};

/** How the service knows who asks: `none` is needed, a `token` is given, or `oidc` issues one. */
export const { access = "none", ...provider } = document.documentElement.dataset;

export const isSignedIn = () => token !== null;

/** When a session has ended by itself, and why; null where none has. */
export const endOfSession = () => ended;

/** Call `listener` whenever somebody has signed in, or a session has ended. */
export function listen(listener) {
  onChange = listener;
}

export function signIn(given) {
  token = given;
  ended = null;
  onChange();
}

/** Go on with a newer token: nobody has to notice. */
export function goOnWith(given) {
  token = given;
}

/** The token that was sent is not good, or no longer: what is shown stays, as of now. */
export function end(why, sent = token) {
  if (sent !== token) return;
  token = null;
  ended = { at: Date.now(), why };
  onChange();
}

/** Give the token that a request is to carry. */
export const current = () => token;
