// Shows the service's OpenAPI document, dark where the reader's system is.

const dark = matchMedia("(prefers-color-scheme: dark)");

function follow() {
  document.documentElement.classList.toggle("dark-mode", dark.matches);
}

dark.addEventListener("change", follow);
follow();
globalThis.SwaggerUIBundle({ url: "openapi.json", dom_id: "#openapi", deepLinking: true });
