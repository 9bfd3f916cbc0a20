"""Tensors without values, and torch's bookkeeping of them: what is allocated, kept and freed.

A tensor here lives as long as Python holds it, as torch's do, so a step is described by code that
is written like the step itself. `backward` and `checkpoint` hold the rules of autograd's engine and
of recomputation; here are those of autocast: it casts a weight once, any other tensor anew.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import prod
from typing import Final, Literal, Protocol

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
        self.keeper: Callable[[Tensor], Kept] | None = None
        """What keeps tensors for the way back in their stead, where something does."""
        self._category: Category = "activations"
        self._casts: dict[int, Tensor] = {}
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

    def keep(self, tensor: "Tensor") -> "Kept | None":
        """Keep a tensor for the way back, or a claim on what will be computed again."""
        if not self.recording:
            return None
        return tensor if self.keeper is None else self.keeper(tensor)

    def note(
        self,
        output: "Tensor",
        inputs: Sequence["Tensor | None"],
        backward: "Backward",
        slots: int = 1,
    ) -> "Tensor":
        """Note how the gradient of `output` becomes gradients of `inputs`, where any has one."""
        if self.recording:
            edges = [(each.node, each.slot) if each is not None else _NOWHERE for each in inputs]
            for target, _ in edges:
                if target is not None:
                    self._order += 1
                    output.node = Node(self._order, edges, backward, slots, self._part)
                    break
        return output

    def land(self, number: int) -> None:
        """A storage has become a weight's gradient."""
        self.categories[number] = "gradients"
        self.events.append((number, LANDED))


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
        """Bytes of a value."""
        self.node: Node | None = None
        self.slot = 0
        """Which of its node's outputs this is."""

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
        """The same memory, or a part of it, in another shape; outside the graph."""
        return Tensor(self.simulation, self.storage, shape, self.element)

    def to(self, element: int) -> "Tensor":
        """A copy in another type, or the tensor itself where it is of that type."""
        before = self.element
        if element == before:
            return self
        output = self.simulation.tensor(self.shape, element)
        return self.simulation.note(output, [self], lambda gradient: [gradient.to(before)])


class Claim(Protocol):
    """A right to a tensor that will be computed again."""

    def tensor(self) -> Tensor:
        """The tensor."""


Kept = Tensor | Claim
Backward = Callable[..., Sequence[Tensor | None]]


def unpacked(kept: Kept | None) -> Tensor:
    """What was kept."""
    if kept is None:
        raise ValueError("nothing was kept, for nothing was recorded")
    return kept if isinstance(kept, Tensor) else kept.tensor()


class Node:
    """An operator's way back: where its gradients go, and how they are made."""

    __slots__ = ("_backward", "edges", "order", "part", "slots")

    def __init__(
        self,
        order: int,
        edges: "Sequence[tuple[Node | None, int]]",
        backward: Backward,
        slots: int = 1,
        part: str = "",
    ) -> None:
        self.order = order
        self.edges = edges
        self.slots = slots
        """Outputs, whose gradients arrive together."""
        self.part = part
        """The part of the forward pass that it belongs to."""
        self._backward: Backward | None = backward

    def run(self, gradients: list[Tensor | None]) -> list[Tensor | None]:
        """Gradients of the inputs; those of the outputs are let go, then what was kept."""
        if self._backward is None:
            raise ValueError("what this kept is let go already")
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
        super().__init__(_LEAVES_FIRST, [], list)
        self.gradient: Tensor | None = None

    def run(self, gradients: list[Tensor | None]) -> list[Tensor | None]:
        """Take the gradient as it is, and note where in the events that was."""
        (self.gradient,) = gradients
        if self.gradient is not None:
            self.gradient.simulation.land(self.gradient.storage.number)
        return []
