"""FHIR: a MedicationAdministration, of DSTU2 to R6, is a record, and each change a version."""
