// An identity provider as a site has one, for tests: tests/issuer.py starts it.
//
// Each line of standard input is JSON and says what it is to be from now on; each line of standard
// output that it is. It ends with its input.

import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { Provider } from "oidc-provider";

const SCOPES = [
  "periods:read",
  "events:write",
  "system/MedicationAdministration.rs",
  "patient/MedicationAdministration.rs",
];
const SIGN_IN = `<!doctype html><html lang="en"><title>Sign in</title><form method="post">
<label>Name <input name="name" autofocus></label> <button>Sign in</button></form>`;

let answer;
const server = createServer((request, response) => answer(request, response));

for await (const line of createInterface({ input: process.stdin })) {
  const told = JSON.parse(line);
  answer = answering(told);
  if (!server.listening) {
    await new Promise((listening) => server.listen(told.port, "127.0.0.1", listening));
  }
  console.log("listening");
}
process.exit();

function answering(told) {
  const provider = new Provider(told.issuer, configuration(told));
  provider.on("server_error", (_, error) => console.error(error));
  const callback = provider.callback();
  return (request, response) => {
    if (!request.url.startsWith("/sign-in/")) {
      return callback(request, response);
    }
    return signIn(provider, told.people, request, response).catch((error) => {
      response.statusCode = 400;
      response.end(error.message);
    });
  };
}

async function signIn(provider, people, request, response) {
  const name = new URLSearchParams(await text(request)).get("name");
  if (name in people) {
    await provider.interactionFinished(request, response, { login: { accountId: name } });
  } else {
    response.setHeader("Content-Type", "text/html; charset=utf-8");
    response.end(SIGN_IN);
  }
}

function configuration({ audience, keys, lifetime, page, people, programs }) {
  return {
    clients: [...Object.keys(programs).map(program), ...(page ? [publicClient(page)] : [])],
    jwks: { keys },
    cookies: { keys: ["no-secret"] },
    findAccount: (_, id) => id in people && { accountId: id, claims: () => ({ sub: id }) },
    formats: { customizers: { jwt: (_, token, parts) => customize(token, parts) } },
    interactions: { url: (_, interaction) => `/sign-in/${interaction.uid}` },
    loadExistingGrant,
    clientBasedCORS: () => true,
    issueRefreshToken: (_, client) => client.grantTypeAllowed("refresh_token"),
    rotateRefreshToken: true,
    ttl: { AccessToken: lifetime, ClientCredentials: lifetime },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => audience,
        useGrantedResource: () => true,
        getResourceServerInfo: (_, resource) => ({
          audience: resource,
          scope: SCOPES.join(" "),
          accessTokenFormat: "jwt",
          accessTokenTTL: lifetime,
          jwt: { sign: { alg: "RS256" } },
        }),
      },
    },
  };

  // What a program or person is given on top; of claims what is null is left out.
  function customize(token, parts) {
    Object.assign(parts.payload, people[token.accountId] ?? programs[token.clientId]);
    for (const [name, value] of Object.entries(parts.payload)) {
      if (value === null) {
        delete parts.payload[name];
      }
    }
  }

  // Who signs in agrees to all that the page asks for.
  async function loadExistingGrant({ oidc }) {
    const grant = new oidc.provider.Grant({
      clientId: oidc.client.clientId,
      accountId: oidc.session.accountId,
    });
    grant.addOIDCScope(oidc.params.scope);
    grant.addResourceScope(audience, oidc.params.scope);
    await grant.save();
    return grant;
  }
}

function program(id) {
  return {
    client_id: id,
    client_secret: "no-secret",
    grant_types: ["client_credentials"],
    redirect_uris: [],
    response_types: [],
  };
}

function publicClient(page) {
  return {
    client_id: "page",
    token_endpoint_auth_method: "none",
    grant_types: ["authorization_code", "refresh_token"],
    redirect_uris: [page],
    post_logout_redirect_uris: [page],
  };
}
