"""What every model of our API shares: camelCase outside, snake_case inside, nothing unknown."""

from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Model(BaseModel):
    """A frozen value of our API.

    An unknown field is refused: somebody wanted something there, and silently doing without it
    is how a policy comes to mean less than it says.
    """

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True
    )

    def manifest(self) -> dict[str, Any]:
        """The value as the API server wants it: camelCase, JSON types, empty optionals left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)
