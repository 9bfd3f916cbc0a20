"""Tensors without values, and torch's bookkeeping of them: what is allocated, kept and freed.

A tensor here lives as long as Python holds it, as torch's do, so a step is described by code that
is written like the step itself. The rules are those of torch 2.7: what was recorded last goes back
first; a gradient is let go before what was kept for it; gradients that meet are summed into a new
tensor; the first gradient of a weight becomes its own; autocast casts a weight once, any other
tensor anew; a checkpoint computes again until all that was kept is there.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from heapq import heappop, heappush
from math import prod
from typing import Final, Literal, Union

from vsr_settings.memory.sizes import FP32, HALF

Category = Literal[
    "parameters",
    "gradients",
    "optimiser",
    "average",
    "perceptual_weights",
    "input",
    "activations",
    "loss",
]
Event = tuple[int, int]
"""A storage's number and its bytes; negative ones free it, `LANDED` makes it a gradient."""
LANDED: Final = 0

BYTE: Final = 1
_LEAVES_FIRST: Final = 1 << 62
_NOWHERE: Final = (None, 0)


class Simulation:
    """What has come to life so far, and the state of torch that decides what does."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.categories: list[Category] = []
        """What each storage is for, by number."""
        self.parts: list[tuple[int, str]] = []
        """Where in the events each part of a pass begins."""
        self.recording = True
        """Whether operators note their way back; False as under `torch.no_grad`."""
        self.half = False
        """Whether autocast is on."""
        self._category: Category = "activations"
        self._casts: dict[int, Tensor] = {}
        self._keeper: _Checkpoint | _Recomputation | None = None
        self._order = 0
        self._part = ""

    def tensor(self, shape: tuple[int, ...], element: int = FP32) -> "Tensor":
        """A new tensor of `element` bytes a value."""
        number = len(self.categories)
        size = prod(shape) * element
        self.categories.append(self._category)
        self.events.append((number, size))
        return Tensor(self, Storage(self.events, number, size), shape, element)

    def parameter(self, shape: tuple[int, ...], *, learns: bool = True) -> "Tensor":
        """A new weight, and whether it has a gradient."""
        tensor = self.tensor(shape)
        tensor.node = Leaf() if learns else None
        return tensor

    def begin(self, part: str) -> None:
        """Say which part of a forward pass begins here; its way back is told apart by itself."""
        self._part = part
        self.parts.append((len(self.events), part))

    @contextmanager
    def made_for(self, category: Category) -> Iterator[None]:
        """What comes to life within is for `category`."""
        before, self._category = self._category, category
        yield
        self._category = before

    @contextmanager
    def no_grad(self, off: bool = True) -> Iterator[None]:
        """Nothing within notes its way back, where this is so."""
        before, self.recording = self.recording, self.recording and not off
        yield
        self.recording = before

    @contextmanager
    def autocast(self, *, half: bool) -> Iterator[None]:
        """Convolutions within compute in half precision, or in their weights' own."""
        before, self.half = self.half, half
        yield
        self.half = before
        if not before:
            self._casts.clear()

    def cast(self, tensor: "Tensor") -> "Tensor":
        """A tensor as autocast hands it to a convolution."""
        if not self.half or tensor.element == HALF:
            return tensor
        if not isinstance(tensor.node, Leaf):
            return tensor.to(HALF)
        if id(tensor) not in self._casts:
            self._casts[id(tensor)] = tensor.to(HALF)
        return self._casts[id(tensor)]

    def keep(self, tensor: "Tensor") -> "Kept":
        """Keep a tensor's memory for the way back, or a claim on what will be computed again."""
        if not self.recording:
            return None
        return tensor if self._keeper is None else self._keeper.keep(tensor)

    def note(
        self,
        output: "Tensor",
        inputs: Sequence["Tensor | None"],
        backward: "Backward",
        slots: int = 1,
    ) -> "Tensor":
        """Note how the gradient of `output` becomes gradients of `inputs`, where any has one."""
        if self.recording:
            edges = [
                (each.node, each.slot) if each is not None else _NOWHERE for each in inputs
            ]
            for target, _ in edges:
                if target is not None:
                    self._order += 1
                    output.node = Node(self._order, edges, backward, slots, self._part)
                    break
        return output

    def checkpoint(self, function: "Callable[[Tensor], Tensor]", x: "Tensor") -> "Tensor":
        """Call `function`, keeping only `x`: torch's non-reentrant checkpoint."""
        outer, self._keeper = self._keeper, _Checkpoint(self, function, x)
        output = function(x)
        self._keeper = outer
        return output

    def compute_again(self, checkpoint: "_Checkpoint") -> "list[Tensor | None]":
        """What a checkpoint's function kept, from a run that stops at the last of it."""
        outer, self._keeper = self._keeper, _Recomputation(checkpoint)
        kept = self._keeper.kept
        with self.autocast(half=checkpoint.half):
            try:
                checkpoint.function(checkpoint.x)
            except _AllIsThere:
                pass
        self._keeper = outer
        return kept

    def land(self, number: int) -> None:
        """A storage has become a weight's gradient."""
        self.categories[number] = "gradients"
        self.events.append((number, LANDED))

    def backward(self, root: "Tensor") -> None:
        """Send the gradient of a scalar back to all the weights it depends on."""
        node = root.node
        if node is None:
            raise ValueError("nothing that was computed depends on a weight")
        missing = _uses(node)
        seed = root.like()  # alive until the end, as torch's engine keeps it
        buffers: dict[Node, list[Tensor | None]] = {node: [seed]}
        ready = [(-node.order, node)]
        part = ""
        while ready:
            _, node = heappop(ready)
            if node.part != part and node.part:
                part = node.part
                self.parts.append((len(self.events), f"backward pass of the {part}"))
            gradients = node.run(buffers.pop(node))
            for place, (target, slot) in enumerate(node.edges):
                if target is None:
                    continue
                if gradients[place] is not None:
                    _add(buffers.setdefault(target, [None] * target.slots), slot, gradients, place)
                missing[target] -= 1
                if not missing[target]:
                    heappush(ready, (-target.order, target))
            del gradients
        del seed


class Storage:
    """Memory that one or more tensors share; freed with the last of them."""

    __slots__ = ("_events", "_size", "number")

    def __init__(self, events: list[Event], number: int, size: int) -> None:
        self._events = events
        self._size = size
        self.number = number

    def __del__(self) -> None:
        self._events.append((self.number, -self._size))


class Tensor:
    """Memory, its shape, and whose gradient it takes part in."""

    __slots__ = ("element", "node", "shape", "simulation", "slot", "storage")

    def __init__(
        self, simulation: Simulation, storage: Storage, shape: tuple[int, ...], element: int
    ) -> None:
        self.simulation = simulation
        self.storage = storage
        self.shape = shape
        self.element = element
        self.node: Node | None = None
        self.slot = 0

    @property
    def size(self) -> int:
        """Bytes."""
        return prod(self.shape) * self.element

    def like(self) -> "Tensor":
        """A new tensor of the same shape and type."""
        return self.simulation.tensor(self.shape, self.element)

    def detached(self) -> "Tensor":
        """The same memory, outside the graph."""
        return Tensor(self.simulation, self.storage, self.shape, self.element)

    def view(self, shape: tuple[int, ...]) -> "Tensor":
        """The same memory, or a part of it, seen in another shape; outside the graph."""
        return Tensor(self.simulation, self.storage, shape, self.element)

    def to(self, element: int) -> "Tensor":
        """A copy in another type."""
        before = self.element
        output = self.simulation.tensor(self.shape, element)
        return self.simulation.note(output, [self], lambda gradient: [gradient.to(before)])


Kept = Union[Tensor, "_Claim", None]
Backward = Callable[..., Sequence[Tensor | None]]


def unpacked(kept: Kept) -> Tensor:
    """What was kept, computed again where that was the deal."""
    tensor = kept.tensor() if isinstance(kept, _Claim) else kept
    if tensor is None:
        raise ValueError("this was not kept: nothing was recorded")
    return tensor


class Node:
    """An operator's way back: where its gradients go, and how they are made."""

    __slots__ = ("_backward", "edges", "order", "part", "slots")

    def __init__(
        self,
        order: int,
        edges: "list[tuple[Node | None, int]]",
        backward: Backward,
        slots: int,
        part: str = "",
    ) -> None:
        self.order = order
        self.edges = edges
        self.slots = slots
        """Outputs whose gradients arrive together."""
        self.part = part
        self._backward: Backward | None = backward

    def run(self, gradients: list[Tensor | None]) -> list[Tensor | None]:
        """Gradients of the inputs; those of the outputs are let go, then what was kept."""
        assert self._backward is not None  # noqa: S101 - each node runs once
        made = list(self._backward(*gradients))
        gradients.clear()
        self._backward = None
        return made

    def __lt__(self, other: "Node") -> bool:
        return self.order < other.order


class Leaf(Node):
    """A weight's end of the graph; the gradient that arrives there is the weight's own."""

    __slots__ = ("gradient",)

    def __init__(self) -> None:
        super().__init__(_LEAVES_FIRST, [], list, 1)
        self.gradient: Tensor | None = None

    def run(self, gradients: list[Tensor | None]) -> list[Tensor | None]:
        """Take the gradient as it is, and note where in the events that was."""
        (self.gradient,) = gradients
        if self.gradient is not None:
            self.gradient.simulation.land(self.gradient.storage.number)
        return []




class _Checkpoint:
    """A call of which only the input is kept; it claims what the operators inside want kept."""

    def __init__(
        self, simulation: Simulation, function: Callable[[Tensor], Tensor], x: Tensor
    ) -> None:
        self.function = function
        self.x = x
        self.half = simulation.half
        self.claims = 0
        self._simulation = simulation
        self._again: list[Tensor | None] | None = None

    def keep(self, tensor: Tensor) -> "_Claim":
        del tensor
        self.claims += 1
        return _Claim(self, self.claims - 1)

    def hand_out(self, place: int) -> Tensor | None:
        if self._again is None:
            self._again = self._simulation.compute_again(self)
        tensor, self._again[place] = self._again[place], None
        return tensor


class _Claim:
    """A claim on a tensor that a checkpoint will compute again."""

    __slots__ = ("_checkpoint", "_place")

    def __init__(self, checkpoint: _Checkpoint, place: int) -> None:
        self._checkpoint = checkpoint
        self._place = place

    def tensor(self) -> Tensor | None:
        """The tensor, once: the checkpoint lets it go."""
        return self._checkpoint.hand_out(self._place)


class _Recomputation:
    """A second run of a checkpoint's function, for what it kept."""

    def __init__(self, checkpoint: _Checkpoint) -> None:
        self.kept: list[Tensor | None] = []
        self._wanted = checkpoint.claims

    def keep(self, tensor: Tensor) -> Tensor:
        self.kept.append(tensor.detached())
        if len(self.kept) == self._wanted:
            raise _AllIsThere
        return tensor


class _AllIsThere(Exception):  # noqa: N818 - it ends a recomputation, and is no error
    """All that was kept is computed again."""


def _uses(root: Node) -> dict[Node, int]:
    """How many gradients each node waits for."""
    uses = {root: 0}
    unseen = [root]
    while unseen:
        for target, _ in unseen.pop().edges:
            if target is None:
                continue
            if target not in uses:
                uses[target] = 0
                unseen.append(target)
            uses[target] += 1
    return uses


def _add(
    buffer: list[Tensor | None], slot: int, gradients: list[Tensor | None], place: int
) -> None:
    """Put a gradient into a buffer, or sum it with what is there into a new tensor."""
    before, gradient = buffer[slot], gradients[place]
    if before is None:
        buffer[slot], gradients[place] = gradient, None
    else:
        buffer[slot] = before.like()
