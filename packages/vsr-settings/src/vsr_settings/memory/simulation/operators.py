"""Operators as what they allocate, keep for the way back, and allocate there; after torch 2.7."""

from collections.abc import Sequence

from vsr_settings.memory.simulation.tensors import Tensor, unpacked


def convolution(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """A convolution that keeps height and width; its input and weight are kept."""
    simulation = x.simulation
    if bias is not None:
        bias = simulation.cast(bias)
    weight, x = simulation.cast(weight), simulation.cast(x)
    inputs = [x, weight, bias]
    learns = [each is not None and each.node is not None for each in inputs]
    kept_x, kept_weight = simulation.keep(x), simulation.keep(weight)
    shape = (x.shape[0], weight.shape[0], *x.shape[2:])
    output = simulation.tensor(shape, x.element)

    def backward(_: Tensor) -> Sequence[Tensor | None]:
        x, weight = unpacked(kept_x), unpacked(kept_weight)
        return (
            x.like() if learns[0] else None,
            weight.like() if learns[1] else None,
            x.simulation.tensor(weight.shape[:1], x.element) if learns[2] else None,
        )

    return simulation.note(output, inputs, backward)


def leaky_relu_(x: Tensor) -> Tensor:
    """In place; the result is kept."""
    output = x.detached()
    kept = x.simulation.keep(x.detached())

    def backward(_: Tensor) -> Sequence[Tensor]:
        result = unpacked(kept)
        return (result.like(),)

    return x.simulation.note(output, [x], backward)


def add_(x: Tensor, other: Tensor) -> Tensor:
    """In place; both gradients are the sum's, one tensor."""
    return x.simulation.note(x.detached(), [x, other], lambda gradient: (gradient, gradient))


def add(x: Tensor, other: Tensor) -> Tensor:
    """A sum in the wider of two types; a gradient in another type is a copy."""
    element = max(x.element, other.element)
    output = x.simulation.tensor(x.shape, element)
    types = x.element, other.element

    def backward(gradient: Tensor) -> Sequence[Tensor]:
        return [gradient if kind == element else gradient.to(kind) for kind in types]

    return x.simulation.note(output, [x, other], backward)


def weighted(x: Tensor, by: Tensor) -> Tensor:
    """A product with maps that have no gradient; they are kept."""
    kept = x.simulation.keep(by)

    def backward(gradient: Tensor) -> Sequence[Tensor | None]:
        by = unpacked(kept)
        made = gradient.like()
        del by
        return (made, None)

    return x.simulation.note(x.like(), [x, by], backward)


def halves(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Both halves of a weight's inputs, without a copy; their gradients are joined."""
    simulation, whole = weight.simulation, weight.shape
    shape = (whole[0], whole[1] // 2, *whole[2:])
    first, second = weight.view(shape), weight.view(shape)

    def backward(*gradients: Tensor) -> Sequence[Tensor]:
        return (simulation.tensor(whole, gradients[0].element),)

    simulation.note(first, [weight], backward, slots=2)
    second.node, second.slot = first.node, 1
    return first, second


def pixel_shuffle(x: Tensor, scale: int) -> Tensor:
    """Channels become pixels, in a copy on either way."""
    samples, channels, height, width = x.shape
    shape = (samples, channels // scale**2, height * scale, width * scale)
    output = x.simulation.tensor(shape, x.element)
    return x.simulation.note(output, [x], lambda gradient: (gradient.like(),))


def samples_of(x: Tensor) -> list[Tensor]:
    """Every sample by itself, without a copy; their gradients are joined."""
    simulation, whole = x.simulation, x.shape
    parts = [x.view((1, *whole[1:])) for _ in range(whole[0])]

    def backward(*gradients: Tensor) -> Sequence[Tensor]:
        return (simulation.tensor(whole, gradients[0].element),)

    simulation.note(parts[0], [x], backward, slots=len(parts))
    for slot, part in enumerate(parts):
        part.node, part.slot = parts[0].node, slot
    return parts


def joined(parts: Sequence[Tensor]) -> Tensor:
    """Samples in one tensor; a gradient's parts are parts of its memory."""
    shape = (len(parts), *parts[0].shape[1:])
    output = parts[0].simulation.tensor(shape, parts[0].element)

    def backward(gradient: Tensor) -> Sequence[Tensor]:
        return [gradient.view((1, *shape[1:])) for _ in range(shape[0])]

    return output.simulation.note(output, parts, backward)


def difference(x: Tensor, other: Tensor) -> Tensor:
    """A new tensor; only `x` is led back to."""
    return x.simulation.note(x.like(), [x, other], lambda gradient: (gradient, None))


def absolute(x: Tensor) -> Tensor:
    """The input is kept; on the way back its sign is made, then the gradient's product with it."""
    simulation = x.simulation
    kept = simulation.keep(x)

    def backward(_: Tensor) -> Sequence[Tensor]:
        x = unpacked(kept)
        sign = x.like()
        product = sign.like()
        return (product,)

    return simulation.note(x.like(), [x], backward)


def mean(x: Tensor) -> Tensor:
    """A scalar, whose gradient fills a tensor of the input's size."""
    simulation, shape = x.simulation, x.shape
    return simulation.note(simulation.tensor(()), [x], lambda _: (simulation.tensor(shape),))


def pooled(x: Tensor) -> Tensor:
    """Means of 2×2; the input is kept."""
    simulation = x.simulation
    kept = simulation.keep(x)
    output = simulation.tensor(_half_the_side(x.shape))
    return simulation.note(output, [x], lambda _: (unpacked(kept).like(),))


def differences(x: Tensor, axis: int) -> Tensor:
    """Of neighbours along an axis; back, each side's gradient is put into a whole of zeros."""
    simulation, whole = x.simulation, x.shape
    shape = tuple(side - (place == axis) for place, side in enumerate(whole))
    later, earlier = x.view(shape), x.view(shape)
    for part in (earlier, later):
        simulation.note(part, [x], lambda _: (simulation.tensor(whole),))
    return simulation.note(
        simulation.tensor(shape), [later, earlier], lambda gradient: (gradient, gradient.like())
    )


def times(x: Tensor) -> Tensor:
    """A product with a number, on either way."""
    return x.simulation.note(x.like(), [x], lambda gradient: (gradient.like(),))


def stacked(scalars: Sequence[Tensor]) -> Tensor:
    """Scalars in one tensor; a gradient's parts are parts of its memory."""
    count = len(scalars)
    output = scalars[0].simulation.tensor((count,))
    return output.simulation.note(output, scalars, lambda gradient: [gradient.view(())] * count)


def summed(x: Tensor) -> Tensor:
    """A scalar, whose gradient is seen in the input's shape."""
    shape = x.shape
    return x.simulation.note(x.simulation.tensor(()), [x], lambda gradient: (gradient.view(shape),))


def _half_the_side(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (*shape[:-2], shape[-2] // 2, shape[-1] // 2)


def mean_of(one: Tensor, other: Tensor) -> Tensor:
    """A sum of two scalars, whose gradients are one."""
    return one.simulation.note(one.like(), [one, other], lambda gradient: (gradient, gradient))
