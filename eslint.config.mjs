// What JavaScript must be like here: `make lint`.

import js from "@eslint/js";
import globals from "globals";

const HTML_FROM_TEXT = ["innerHTML", "outerHTML", "insertAdjacentHTML", "setHTMLUnsafe", "html"];

export default [
  { ignores: ["runtime/http/static/", ".venv/", "data/"] },
  js.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      complexity: ["error", 8],
      eqeqeq: "error",
      "no-shadow": "error",
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
      "prefer-template": "error",
      // The pages' Content-Security-Policy forbids to compile text.
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
    },
  },
  {
    files: ["consumer_app/web/**", "runtime/http/web/**"],
    languageOptions: { globals: globals.browser },
    rules: {
      // What a report says is text: no page reads it as HTML.
      "no-restricted-properties": ["error", ...HTML_FROM_TEXT.map((property) => ({ property }))],
    },
  },
  {
    files: ["runtime/http/web/without-eval.js"],
    languageOptions: { sourceType: "script" },
  },
  {
    files: ["pages/**", "tests/**", "*.mjs"],
    languageOptions: { globals: globals.node },
  },
];
