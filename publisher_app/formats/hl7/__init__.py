"""HL7 v2: the administrations of RAS messages are records, and each message a version of some."""
