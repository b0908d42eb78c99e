"""Our side of the API server: configuration, requests, server-side apply, watching, Leases, Events."""
