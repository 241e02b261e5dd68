// Makes the timeline of its modules and of what they use of npm packages: `make assets`.
//
// One script is there after one round trip; its modules one by one would take many.

import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild-wasm";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const folder = "consumer_app/web";
const target = "runtime/http/static/timeline";
const beside = readdirSync(join(root, folder)).filter((name) => /\.(css|svg)$/.test(name));

const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: ["page.js", ...beside].map((name) => `${folder}/${name}`),
  outdir: target,
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  loader: { ".svg": "copy" },
  metafile: true,
  logLevel: "warning",
});
const packages = Object.keys(metafile.inputs)
  .map((path) => /^(?<home>.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.groups.home)
  .filter(Boolean);
const licenses = [...new Set(packages)].sort().map(license).join("\n\n");
writeFileSync(join(root, target, "page.js.LICENSE.txt"), licenses);

/** What a package asks to be told wherever it goes. */
function license(home) {
  const { name, version } = JSON.parse(readFileSync(join(root, home, "package.json"), "utf8"));
  const file = readdirSync(join(root, home)).find((each) => /^licen[sc]e/i.test(each));
  return `${name} ${version}\n\n${readFileSync(join(root, home, file), "utf8").trim()}\n`;
}
