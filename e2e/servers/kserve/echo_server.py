"""A KServe model server whose one model loads for SLOW_SECONDS and echoes its input.

Usage: python echo_server.py MODEL HTTP_PORT. Without gRPC, and on loopback (at ADDRESS): KServe
binds to all addresses and has no option for that, so the one call that says so is given another.
"""
# mypy: ignore-errors
# Runs in KServe's own environment.

import json
import os
import sys
import threading
import time
from functools import partial

import uvicorn
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer


class Echo(Model):
    """A model that answers with its input, in both protocols."""

    def load(self):
        """Load."""
        time.sleep(float(os.environ.get("SLOW_SECONDS", "0")))
        self.ready = True
        return self.ready

    def get_input_types(self):
        """What its metadata declare: INPUTS, a JSON list."""
        return json.loads(os.environ.get("INPUTS", "[]"))

    def predict(self, payload, headers=None, response_headers=None):  # noqa: ARG002
        """Answer with the input, after computing for PREDICT_SECONDS as Python code does."""
        time.sleep(float(os.environ.get("PREDICT_SECONDS", "0")))
        if os.path.exists(os.environ.get("FAIL_FILE", "")):  # noqa: PTH110
            raise RuntimeError("CUDA error: device-side assert triggered")
        if not isinstance(payload, InferRequest):
            return {"predictions": payload["instances"]}
        outputs = [
            InferOutput("OUT", each.shape, each.datatype, data=each.data) for each in payload.inputs
        ]
        return InferResponse(payload.id or "0", self.name, outputs)


class Late(Echo):
    """A model that loads for LATE_SECONDS beside others while the server already answers."""

    def load(self):
        """Load."""
        time.sleep(float(os.environ["LATE_SECONDS"]))
        self.ready = True
        return self.ready


class Broken(Echo):
    """A model whose load fails."""

    def load(self):
        """Fail."""
        raise RuntimeError("CUDA OOM: tried to allocate 20.00 GiB")


def _late_models():
    """Models that load in a thread, with LATE_SECONDS: "late" and "broken"."""
    late = [Late("late"), Broken("broken")] if "LATE_SECONDS" in os.environ else []
    for each in late:
        threading.Thread(target=each.load, daemon=True).start()
    return late


def _on_loopback(config, app, host, **options):  # noqa: ARG001
    return config(app, host=os.environ.get("ADDRESS", "127.0.0.1"), **options)


if __name__ == "__main__":
    name, http_port = sys.argv[1:]
    model = Echo(name)
    model.load()
    uvicorn.Config = partial(_on_loopback, uvicorn.Config)
    server = ModelServer(http_port=int(http_port), enable_grpc=False, workers=1)
    for late_model in _late_models():
        server.register_model(late_model)  # start() registers only those that are ready
    server.start([model])
