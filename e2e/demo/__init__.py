"""`make demo`: the operator at its main job on a local cluster with a real Triton, told live."""
