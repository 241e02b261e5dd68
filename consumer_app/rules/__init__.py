"""The period rules: events in, periods and anomalies out; no transport, no storage, no clock."""
