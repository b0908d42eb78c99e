"""Asking servers and judging their answers: steps, transports, the scheduler, verdicts."""
