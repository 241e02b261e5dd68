"""Stores medication events and answers in which periods a patient was on each medication."""
