// What the service's settings say of the page.

const { timeZone = "", recentPatients = "true", patientSearch = "false" } =
  document.documentElement.dataset;

/** The hospital's zone, or an empty text. */
export const hospitalZone = timeZone;

/** Whether the browser keeps which patients were looked at. */
export const keepsPatients = recentPatients === "true";

/** Whether the service completes identifiers. */
export const completes = patientSearch === "true";
