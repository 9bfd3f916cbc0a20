"""Recomputation, as torch's non-reentrant checkpoint does it.

Of a call only the input is kept. The first of its operators to go back has the call run again,
until the last tensor that the operators wanted kept is there; each has its own once, and it goes.
"""

from collections.abc import Callable
from contextlib import suppress

from vsr_settings.memory.simulation.tensors import Tensor

Function = Callable[[Tensor], Tensor]


def checkpointed(function: Function, x: Tensor) -> Tensor:
    """Call `function`, keeping only `x`."""
    simulation = x.simulation
    outer, simulation.keeper = simulation.keeper, _Checkpoint(function, x).claim
    output = function(x)
    simulation.keeper = outer
    return output


class _Checkpoint:
    """A call, and what was to be kept of it."""

    def __init__(self, function: Function, x: Tensor) -> None:
        self._function = function
        self._x = x
        self._half = x.simulation.half
        self._claims = 0
        self._again: list[Tensor | None] | None = None

    def claim(self, tensor: Tensor) -> "_Claim":
        """Keep no tensor, but the right to it."""
        del tensor
        self._claims += 1
        return _Claim(self, self._claims - 1)

    def hand_out(self, place: int) -> Tensor:
        """The tensor of a claim, once."""
        if self._again is None:
            self._again = self._run_again()
        tensor, self._again[place] = self._again[place], None
        if tensor is None:
            raise ValueError("what was computed again is handed out once")
        return tensor

    def _run_again(self) -> list[Tensor | None]:
        again: list[Tensor | None] = []

        def keep(tensor: Tensor) -> Tensor:
            again.append(tensor.detached())
            if len(again) == self._claims:
                raise _AllIsThere
            return tensor

        simulation = self._x.simulation
        outer, simulation.keeper = simulation.keeper, keep
        with simulation.autocast(half=self._half), suppress(_AllIsThere):
            self._function(self._x)
        simulation.keeper = outer
        return again


class _Claim:
    """A right to a tensor that a checkpoint computes again."""

    __slots__ = ("_checkpoint", "_place")

    def __init__(self, checkpoint: _Checkpoint, place: int) -> None:
        self._checkpoint = checkpoint
        self._place = place

    def tensor(self) -> Tensor:
        """The tensor, which the checkpoint lets go."""
        return self._checkpoint.hand_out(self._place)


class _AllIsThere(Exception):  # noqa: N818 - it ends a recomputation, and is no error
    """All that was to be kept is computed again."""
