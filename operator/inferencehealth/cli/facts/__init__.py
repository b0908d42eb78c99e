"""What `ihp diagnose` learns before it judges: from the cluster, from a URL, by a closer look."""
