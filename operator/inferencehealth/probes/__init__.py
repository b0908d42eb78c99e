"""Budgets become numbers, probes meet what an author wrote, findings say what is wrong."""
