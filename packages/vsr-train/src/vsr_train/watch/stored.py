"""What a checkpoint may hold of a watch: with anything else the watch begins anew."""

import json
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from vsr_train.watch.snapshot import Snapshot
from vsr_train.watch.verdicts import ValidationGain, Verdict

Step = Annotated[int, Field(ge=1, le=1_000_000_000)]


@dataclass(frozen=True)
class _Recorder:
    """What `Recorder.state_dict` returns."""

    factors: float
    clipped: float
    steps: int
    skipped: float


@dataclass(frozen=True)
class _Watch:
    """What `Watch.state_dict` returns; a later version's further entries are no hindrance."""

    recorder: _Recorder
    snapshots: list[Snapshot]
    validations: list[ValidationGain]
    incidents: int
    reported: Verdict | None
    undone: list[Step] = field(default_factory=list)
    """Older checkpoints have none."""


def is_watch_state(stored: Any) -> bool:
    """Tell whether a watch can go on from what a checkpoint holds."""
    try:  # as JSON, in which pydantic is strict about numbers and takes objects for dataclasses
        _adapter().validate_json(json.dumps(stored), strict=True)
    except (ValidationError, TypeError, ValueError, RecursionError):
        return False
    return True


@cache
def _adapter() -> TypeAdapter[_Watch]:
    return TypeAdapter(_Watch)
