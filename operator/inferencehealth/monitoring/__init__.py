"""What people watch the operator with, made from code: the dashboard and the list of metrics."""
