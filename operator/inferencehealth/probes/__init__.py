"""Budgets become probe numbers, probes are merged with what an author wrote, findings say what is wrong."""
