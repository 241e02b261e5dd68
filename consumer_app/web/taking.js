// The periods of the window as a file, and the page as a link.

import { findTable } from "./service.js";

const kinds = { csv: "text/csv", json: "application/json" };

/** Save them as `csv` or `json`, under a name that tells nothing of the patient. */
export async function saveTable(drawn, window, format, signal) {
  const table = await findTable(drawn, window, format, signal);
  const text = format === "json" ? JSON.stringify(table, null, 2) : table;
  const address = URL.createObjectURL(new Blob([text], { type: kinds[format] }));
  const download = `periods.${format}`;
  Object.assign(document.createElement("a"), { href: address, download }).click();
  URL.revokeObjectURL(address);
}

/** Copy the address of what is shown, and say in words what became of it. */
export async function copyLink() {
  try {
    await navigator.clipboard.writeText(location.href);
    return "Link copied. It names the patient.";
  } catch {
    // Browsers give the clipboard to https and localhost alone.
    return "The browser’s address is the link.";
  }
}
