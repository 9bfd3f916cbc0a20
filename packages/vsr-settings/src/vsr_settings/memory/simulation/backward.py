"""Autograd's engine, by the rules of torch 2.7 that decide what is alive.

What was recorded last goes back first, weights' ends before all; a gradient is let go before what
was kept for it; gradients that meet are summed into a new tensor.
"""

from heapq import heappop, heappush

from vsr_settings.memory.simulation.tensors import Node, Tensor

Buffers = dict[Node, list[Tensor | None]]
"""Gradients on their way to nodes that wait for more."""


def backward(root: Tensor) -> None:
    """Send the gradient of a scalar back to all the weights that it depends on."""
    node = root.node
    if node is None:
        raise ValueError("nothing that was computed depends on a weight")
    parts, events, part = root.simulation.parts, root.simulation.events, ""
    seed = root.like()  # alive until the end, as torch keeps it
    buffers: Buffers = {node: [seed]}
    awaited = _awaited(node)
    ready = [(-node.order, node)]
    while ready:
        _, node = heappop(ready)
        if node.part and node.part != part:
            part = node.part
            parts.append((len(events), f"backward pass of the {part}"))
        gradients = node.run(buffers.pop(node))
        for place, (target, slot) in enumerate(node.edges):
            if target is None:
                continue
            if gradients[place] is not None:
                _add(buffers.setdefault(target, [None] * target.slots), slot, gradients, place)
            awaited[target] -= 1
            if not awaited[target]:
                heappush(ready, (-target.order, target))
        del gradients


def _awaited(root: Node) -> dict[Node, int]:
    """How many gradients each node waits for."""
    awaited = {root: 0}
    unseen = [root]
    while unseen:
        for target, _ in unseen.pop().edges:
            if target is None:
                continue
            if target not in awaited:
                awaited[target] = 0
                unseen.append(target)
            awaited[target] += 1
    return awaited


def _add(
    buffer: list[Tensor | None], slot: int, gradients: list[Tensor | None], place: int
) -> None:
    """Move a gradient into a buffer, or sum it with what is there into a new tensor."""
    before, gradient = buffer[slot], gradients[place]
    if before is None:
        buffer[slot], gradients[place] = gradient, None
    else:
        buffer[slot] = before.like()
