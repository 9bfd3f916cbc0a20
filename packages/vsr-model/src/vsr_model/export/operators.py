"""What torch's exporter lacks of the network's operators, or says in a way that does not hold.

In force while a network is exported, and for nobody else: torch keeps such functions for the whole
process.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import torch
from torch.onnx.symbolic_helper import parse_args

OPSET: Final = 16
"""The first that samples at any place, and so the one that most programs know."""

_HALVINGS: Final = 32
"""Of the range that a median is in: what is left is less than rounding leaves of a mask."""

_END: Final = (1 << 63) - 1


@contextlib.contextmanager
def network_operators() -> Iterator[None]:
    """Teach torch's exporter the operators of this file, until the block ends."""
    operators: dict[str, Callable[..., Any]] = {
        "aten::avg_pool2d": _avg_pool2d,
        "aten::median": _median,
        "aten::unflatten": _unflatten,
    }
    for name, operator in operators.items():
        torch.onnx.register_custom_op_symbolic(name, operator, OPSET)
    try:
        yield
    finally:
        for name in operators:
            torch.onnx.unregister_custom_op_symbolic(name, OPSET)


@parse_args("v", "is", "is", "is", "i", "i", "none")
def _avg_pool2d(  # noqa: PLR0917 - the exporter gives them by position
    g: Any,
    maps: Any,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    ceil_mode: int,
    count_include_pad: int,
    _divisor: None,
) -> Any:
    """Take means of what there is in each window, also where one reaches beyond the border.

    What an AveragePool with `ceil_mode` makes of those is up to the program: onnxruntime divides
    by the pixels that are not there, too, up to 1.22 at least. Here it is only the pyramid's, of
    2×2 pixels: with the border's pixels repeated once, means of all four are those of what there
    is; and where a side is even, what was repeated is in no window.
    """
    if ceil_mode:
        maps = g.op("Pad", maps, _integers(g, 0, 0, 0, 0, 0, 0, 1, 1), mode_s="edge")
    return g.op(
        "AveragePool",
        maps,
        kernel_shape_i=kernel,
        strides_i=stride or kernel,
        pads_i=[*padding, *padding],
        count_include_pad_i=count_include_pad,
    )


@parse_args("v", "i", "v")
def _unflatten(g: Any, maps: Any, dim: int, sizes: Any) -> Any:
    """Split one dimension, counted from the front, into several.

    torch's own finds the dimension by arithmetic that no shape inference follows, and takes the
    height and width of the traced example for those of every picture.
    """
    shape = g.op("Shape", maps)
    before = g.op("Slice", shape, _integers(g, 0), _integers(g, dim))
    after = g.op("Slice", shape, _integers(g, dim + 1), _integers(g, _END))
    return g.op("Reshape", maps, g.op("Concat", before, sizes, after, axis_i=0))


@parse_args("v", "i", "b")
def _median(g: Any, values: Any, dim: int, keepdim: bool) -> tuple[Any, Any]:
    """Find the lower median along a dimension by halving the range that it is in.

    It is the smallest value that at least half of all do not exceed. ONNX has no median, and
    TensorRT's TopK finds at most the 3,840th of them, fewer than a frame has. Where the median is,
    which torch returns too, nobody asks: in its place stands the value again.
    """
    count = g.op("Gather", g.op("Shape", values), _integers(g, dim), axis_i=0)
    half = g.op("Div", g.op("Add", count, _integers(g, 1)), _integers(g, 2))
    needed = g.op("Cast", half, to_i=torch.onnx.TensorProtoDataType.INT32)
    low = g.op("ReduceMin", values, axes_i=[dim], keepdims_i=1)
    high = g.op("ReduceMax", values, axes_i=[dim], keepdims_i=1)
    for _ in range(_HALVINGS):
        middle = g.op("Mul", g.op("Add", low, high), _number(g, 0.5))
        is_below = g.op("LessOrEqual", values, middle)
        ones = g.op("Cast", is_below, to_i=torch.onnx.TensorProtoDataType.INT32)
        below = g.op("ReduceSum", ones, _integers(g, dim), keepdims_i=1)
        is_enough = g.op("GreaterOrEqual", below, needed)
        low = g.op("Where", is_enough, low, middle)
        high = g.op("Where", is_enough, middle, high)
    candidates = g.op("Where", g.op("LessOrEqual", values, high), values, low)
    median = g.op("ReduceMax", candidates, axes_i=[dim], keepdims_i=int(keepdim))
    return median, median


def _integers(g: Any, *values: int) -> Any:
    return g.op("Constant", value_t=torch.tensor(values))


def _number(g: Any, value: float) -> Any:
    return g.op("Constant", value_t=torch.tensor(value, dtype=torch.float32))
