"""What every group of settings is, and how its values are put into words."""

from dataclasses import dataclass
from typing import Annotated, Any, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Strict,
)


@dataclass(frozen=True)
class Wording:
    """Annotation: how a message describes the values that a pattern or a validator allows."""

    text: str


@dataclass(frozen=True)
class Range:
    """Annotation of a pair: a range `[low, high]` of numbers, or one number that is both its ends.

    Attributes:
        low: the least number that either end may be.
        high: the largest.
    """

    low: float
    high: float

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        """A pair of numbers in order; of integers where the annotated pair is."""
        number, bounds = get_args(source)[0], Field(ge=self.low, le=self.high)
        end = Annotated[number, Strict(), bounds]  # type: ignore[valid-type]  # known when it runs
        pair = Annotated[
            tuple[end, end],
            Strict(False),  # TOML has lists
            BeforeValidator(_both_ends),
            AfterValidator(_rising),
        ]
        return handler.generate_schema(pair)

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> Any:
        """One number, or a list of two."""
        pair = handler(schema)
        return {"anyOf": [pair["prefixItems"][0], pair]}


class ContradictionError(ValueError):
    """Entries of a table that are allowed each, and cannot go together."""

    def __init__(self, name: str, rule: str, remedy: str) -> None:
        """Say which entry is wrong, what must hold, and what to write instead."""
        self.name, self.rule, self.remedy = name, rule, remedy
        super().__init__(f"{name} {rule}; {remedy}")


class Section(BaseModel):
    """A frozen group of settings that knows all its names and converts no types."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )


def _both_ends(value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return (value, value) if is_number else value


def _rising(ends: tuple[float, float]) -> tuple[float, float]:
    if ends[0] > ends[1]:
        raise ValueError("must begin with the lower number")
    return ends
