"""A Ray Serve application on loopback that loads for SLOW_SECONDS and echoes its input.

Usage: python echo_app.py HTTP_PORT. LOAD_FAILS makes its load fail, PREDICT_SECONDS its inference
slow.
"""
# mypy: ignore-errors
# Runs in Ray's own environment.

import os
import sys
import threading
import time

import ray
from ray import serve

SETTINGS = {
    name: os.environ[name]
    for name in ("SLOW_SECONDS", "LOAD_FAILS", "PREDICT_SECONDS")
    if name in os.environ
}


@serve.deployment(ray_actor_options={"num_cpus": 0}, max_ongoing_requests=1)
class Echo:
    """The application."""

    def __init__(self, settings):
        """Load."""
        self._settings = settings
        time.sleep(float(settings.get("SLOW_SECONDS", "0")))
        if "LOAD_FAILS" in settings:
            raise RuntimeError("CUDA OOM: tried to allocate 20.00 GiB")

    async def __call__(self, request):
        """Answer with the input, after computing for PREDICT_SECONDS."""
        body = await request.body()
        time.sleep(float(self._settings.get("PREDICT_SECONDS", "0")))  # noqa: ASYNC251
        return body


if __name__ == "__main__":
    ray.init(
        num_cpus=1,
        dashboard_host="127.0.0.1",
        _node_ip_address="127.0.0.1",
        object_store_memory=2**27,
    )
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    try:
        serve.run(Echo.bind(SETTINGS), name="good")
    except RuntimeError as failed:  # the server lives on, as under KubeRay
        print(failed, flush=True)
    threading.Event().wait()
