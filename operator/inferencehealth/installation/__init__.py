"""What stands in a cluster before the operator runs there: rights, limits and manifests."""
