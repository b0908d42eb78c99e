"""The servers as Kubernetes objects, without probes; apply them in a namespace of the test's."""

from pathlib import Path

FOLDER = Path(__file__).parent
TRITON = FOLDER / "triton.yaml"
ASR = FOLDER / "asr.yaml"
