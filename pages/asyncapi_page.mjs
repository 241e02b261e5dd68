// Writes one HTML page of AsyncAPI documents that opens from disk, without scripts: `make docs`.
// Usage: node pages/asyncapi_page.mjs PAGE DOCUMENT.yaml…

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

import { load } from "js-yaml";
import { JSDOM } from "jsdom";

import { prepare } from "../runtime/http/web/asyncapi-document.mjs";

const require = createRequire(import.meta.url);
const { window } = new JSDOM("<!doctype html><body></body>", { pretendToBeVisual: true });
Object.assign(globalThis, {
  window,
  document: window.document,
  HTMLElement: window.HTMLElement,
});
globalThis.ResizeObserver = window.ResizeObserver = class {
  observe() {}
  unobserve() {}
  disconnect() {}
};

// Both look for a window when they load.
const { createElement } = require("react");
const { flushSync } = require("react-dom");
const { createRoot } = require("react-dom/client");
const component = require("@asyncapi/react-component/lib/cjs/without-parser.js").default;

const ours = (name) => new URL(`../runtime/http/web/${name}`, import.meta.url);
const styles = [
  require.resolve("@asyncapi/react-component/styles/default.min.css"),
  ours("documentation.css"),
  ours("asyncapi.css"),
];
const css = styles.map((style) => readFileSync(style, "utf8")).join("\n");
const [page, ...documents] = process.argv.slice(2);
const sections = [];
for (const path of documents) sections.push(await section(load(readFileSync(path, "utf8"))));
writeFileSync(page, html(sections));
process.exit();

async function section(asyncapi) {
  const root = window.document.body.appendChild(window.document.createElement("div"));
  const show = { sidebar: false, messages: false, errors: false };
  const config = { show, expand: { messageExamples: true } };
  const drawing = createElement(component, { schema: prepare(asyncapi), config });
  flushSync(() => createRoot(root).render(drawing));
  await expand(root);
  for (const heading of root.querySelectorAll("section > h2")) fold(heading);
  const { title } = asyncapi.info;
  return { title, id: title.toLowerCase().replace(/\W+/g, "-"), body: unscripted(root) };
}

/** Open all that a reader could open, level by level: the page on disk has no scripts. */
async function expand(root) {
  for (let closed = 1; closed > 0; ) {
    await new Promise((drawn) => setTimeout(drawn, 50));
    const buttons = [...root.querySelectorAll("button")];
    closed = buttons.filter((button) => button.textContent === "Expand all")
      .map((button) => button.click()).length;
  }
}

/** Fold what stands below a heading: all of it would be a hundred screens. */
function fold(heading) {
  const group = window.document.createElement("details");
  const summary = group.appendChild(window.document.createElement("summary"));
  group.append(...[...heading.parentNode.childNodes].filter((each) => each !== heading));
  heading.replaceWith(group);
  summary.append(heading);
}

function unscripted(root) {
  for (const button of root.querySelectorAll("button")) {
    if (/^(Expand|Collapse) all$/.test(button.textContent)) button.remove();
    else {
      const text = window.document.createElement("span");
      text.className = button.className;
      text.append(...button.childNodes);
      button.replaceWith(text);
    }
  }
  return root.innerHTML;
}

function html(all) {
  const links = all.map(({ id, title }) => `<a href="#${id}">${title}</a>`).join(" ");
  const bodies = all.map(({ id, body }) => `<section id="${id}">${body}</section>`).join("\n");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="make docs">
<title>Messages of medication-periods</title>
<style>
${css.replace(/[ \t]+$/gm, "")}
summary { padding: 4px 32px; cursor: pointer }
.aui-root summary .px-8 { display: inline; padding: 0 }
</style>
</head>
<body>
<nav id="pages" aria-label="Services">${links}</nav>
<main>
${bodies}
</main>
</body>
</html>
`;
}
