"""The audit: who has read of which patient, and what operators did; recorded before it happens."""
