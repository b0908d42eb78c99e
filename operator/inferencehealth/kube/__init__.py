"""Our side of the API server: configuration, requests, watching, Leases, Events."""
