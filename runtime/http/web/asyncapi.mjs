// Shows the service's AsyncAPI document, and publishes a message where that is switched on.

import { prepare } from "./asyncapi-document.mjs";

const place = document.getElementById("asyncapi");
const form = document.getElementById("try-it-out");

async function show() {
  const answer = await fetch("asyncapi.json");
  const schema = prepare(await answer.json());
  const config = { show: { sidebar: true, errors: false }, expand: { messageExamples: true } };
  globalThis.AsyncApiStandalone.render({ schema, config }, place);
  if (form.dataset.address) offerTryItOut(schema);
}

function offerTryItOut(schema) {
  const { properties } = schema.components.schemas.MedicationEvent;
  const required = schema.components.schemas.MedicationEvent.required;
  const example = Object.fromEntries(required.map((name) => [name, properties[name].examples[0]]));
  form.hidden = false;
  form.querySelector("textarea").value = JSON.stringify(example, null, 2);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    publish(form.querySelector("textarea").value);
  });
}

async function publish(body) {
  const said = form.querySelector("output");
  said.textContent = "Publishing …";
  try {
    const token = form.querySelector("input").value.trim();
    const headers = {
      "content-type": "application/json",
      ...(token && { authorization: `Bearer ${token}` }),
    };
    const answer = await fetch(form.dataset.address, { method: "POST", headers, body });
    said.textContent = (await answer.json()).detail;
  } catch {
    said.textContent = "The service does not answer.";
  }
}

show().catch((error) => {
  place.textContent = `The document can't be shown: ${error.message}`;
});
