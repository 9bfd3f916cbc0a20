"""What every group of settings is, and how its values are put into words."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict


@dataclass(frozen=True)
class Wording:
    """Annotation: how a message describes the values that a pattern or a validator allows."""

    text: str


class Section(BaseModel):
    """A frozen group of settings that knows all its names and converts no types."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )
