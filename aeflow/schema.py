"""The schema of one example: shape, type, value range and column names."""

from math import prod
from typing import Literal

from pydantic import BaseModel, ConfigDict

__all__ = ["ExampleSchema"]


class ExampleSchema(BaseModel):
    """Describes one stored example; images are [H, W, C] in `value_range`, vectors are [D].

    `value_range` is the range that an image's values can have, not the range that occurs:
    (0, 255) for bytes. It is None for vectors, because they are standardised by statistics of
    the training split instead.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    shape: tuple[int, ...]
    dtype: Literal["uint8", "float32"]
    value_range: tuple[float, float] | None = None
    columns: tuple[str, ...] = ()

    @property
    def is_image(self) -> bool:
        """Whether an example has height, width and channels."""
        return len(self.shape) == 3

    @property
    def size(self) -> int:
        """The number of values in one example."""
        return prod(self.shape)

    def differences(self, other: "ExampleSchema") -> list[str]:
        """Returns a phrase for each field that differs in `other`, or [] if no field differs."""
        return [
            f"{field} is {getattr(other, field)}, expected {getattr(self, field)}"
            for field in type(self).model_fields
            if getattr(self, field) != getattr(other, field)
        ]
