"""The standard gRPC health service, served by its own Python implementation."""
