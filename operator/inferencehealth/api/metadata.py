"""The part of an object's metadata that we read."""

from pydantic import ConfigDict

from inferencehealth.api.base import Model


class Metadata(Model):
    """The part of an object's metadata that we read."""

    model_config = ConfigDict(extra="ignore")

    name: str
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    creation_timestamp: str = ""
    deletion_timestamp: str | None = None
