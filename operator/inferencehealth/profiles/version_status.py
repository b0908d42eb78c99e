"""How TensorFlow Serving's `model_version_status` reads; OpenVINO Model Server writes it as well.

Source: tensorflow/serving, apis/get_model_status.proto (2.20): START, LOADING, AVAILABLE,
UNLOADING, END; a version that failed to load keeps its error in `status`. OpenVINO Model Server
(2026.3, modelversionstatus.hpp, modelinstance.cpp) leaves a failed version in LOADING.
"""

from typing import Any, Final

from inferencehealth.checks.steps import Item, Sign
from inferencehealth.profiles.reading import server_words

MAX_VERSIONS: Final = 100
"""Versions of one model that are read."""


def version_items(name: str, document: Any) -> tuple[Item, ...]:
    """One item per version of the model; none where the document tells of none."""
    listed = document.get("model_version_status") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        return ()
    return tuple(_item(name, row) for row in listed[:MAX_VERSIONS] if isinstance(row, dict))


def _item(name: str, row: dict[str, Any]) -> Item:
    version, state = server_words(str(row.get("version") or ""), 63), str(row.get("state") or "")
    model = f'model "{name}"' + (f" version {version}" if version else "")
    status = row.get("status")
    status = status if isinstance(status, dict) else {}
    code, why = str(status.get("error_code") or "OK"), server_words(status.get("error_message"))
    if state == "AVAILABLE":
        return Item(name, Sign.SERVES, version)
    if code not in {"OK", "0"}:
        why = why if why and why != code else f"{server_words(code, 40)}; its log says why"
        message = f"{model} failed to load: {why}"
        return Item(name, Sign.FAILS, version, False, "ModelLoadFailed", message)
    if state in {"START", "LOADING"}:
        return Item(name, Sign.LOADING, version, False, "ModelLoading", f"{model} is loading")
    if state in {"UNLOADING", "END"}:
        return Item(name, Sign.ASLEEP, version, False, "ModelUnloaded", f"{model} was unloaded")
    message = f"the server gives {model} the state {server_words(state, 40) or 'nothing'}"
    return Item(name, Sign.UNKNOWN, version, False, "StateUnknown", message)
