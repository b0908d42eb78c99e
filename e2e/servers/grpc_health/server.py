"""A server of the standard gRPC health service on loopback.

Usage: python server.py PORT. Services: "" and "good" serve, "slow" and "broken" do not;
SIGUSR1 takes "good" out of service. SLOW_SECONDS: nothing serves before.
"""
# mypy: ignore-errors
# Runs in its own environment.

import os
import signal
import sys
import time
from concurrent import futures

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING

if __name__ == "__main__":
    services = health.HealthServicer()
    for name in ("", "good", "slow", "broken"):
        services.set(name, NOT_SERVING)
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    health_pb2_grpc.add_HealthServicer_to_server(services, server)
    server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
    signal.signal(signal.SIGUSR1, lambda _number, _frame: services.set("good", NOT_SERVING))
    server.start()
    time.sleep(float(os.environ.get("SLOW_SECONDS", "0")))
    services.set("", SERVING)
    services.set("good", SERVING)
    server.wait_for_termination()
