// Copies what the pages that document need out of node_modules, licences included: `make assets`.

import { cpSync, mkdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "../runtime/http/static");
const files = {
  "@asyncapi/react-component": [
    "LICENSE",
    "browser/standalone/without-parser.js",
    "browser/standalone/without-parser.js.LICENSE.txt",
    "styles/default.min.css",
  ],
  "swagger-ui-dist": [
    "LICENSE",
    "NOTICE",
    "swagger-ui.css",
    "swagger-ui-bundle.js",
    "swagger-ui-bundle.js.LICENSE.txt",
  ],
};

rmSync(target, { recursive: true, force: true });
for (const [name, paths] of Object.entries(files)) {
  const folder = join(target, basename(name));
  mkdirSync(folder, { recursive: true });
  for (const path of paths) {
    cpSync(join(here, "../node_modules", name, path), join(folder, basename(path)));
  }
}
