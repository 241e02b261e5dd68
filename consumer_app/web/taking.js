// The periods of the window as a file.

import { findTable } from "./service.js";

/** Save them as CSV, under a name that tells nothing of the patient. */
export async function saveTable(answer, window, signal) {
  const table = await findTable(answer, window, signal);
  const address = URL.createObjectURL(new Blob([table], { type: "text/csv" }));
  Object.assign(document.createElement("a"), { href: address, download: "periods.csv" }).click();
  URL.revokeObjectURL(address);
}
