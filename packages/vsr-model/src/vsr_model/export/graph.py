"""A network as an ONNX model: traced by torch, its sizes left open, described and checked.

Shape suffixes: T frames, C colour channels, H and W low-resolution pixels.
"""

import contextlib
import io
import warnings
from collections.abc import Iterator
from typing import Final, Literal, assert_never

import onnx
import torch
from torch import Tensor, nn

from vsr_model.alignment.flow import FULL_PYRAMID
from vsr_model.export.operators import OPSET, network_operators
from vsr_model.network import Network

Layout = Literal["5d", "4d"]
"""`5d`: (1, T, 3, H, W). `4d`: (1, T·3, H, W), red, green and blue of the first frame first."""

INPUT: Final = "lq"
OUTPUT: Final = "sr"

_TRACED_WITH: Final = (FULL_PYRAMID + 3, FULL_PYRAMID + 8)
"""Height and width of the example: with all levels of the pyramid, and not of one side."""


class _Exported(nn.Module):
    """A network whose only argument is a window in some layout."""

    def __init__(self, network: Network, layout: Layout) -> None:
        super().__init__()
        self.network = network
        self._layout = layout

    def forward(self, lq: Tensor) -> Tensor:
        """Return sr_1CHW of the centre frame."""
        sr_1CHW = self.network(as_window(lq, self._layout))
        assert isinstance(sr_1CHW, Tensor)  # noqa: S101 - narrows what has another type elsewhere
        return sr_1CHW


def onnx_model(network: Network, layout: Layout) -> onnx.ModelProto:
    """Make an ONNX model of a network, for one window of any height and width.

    Args:
        network: the network in fp32, on the CPU; it is left as it is.
        layout: how a window is given.

    Returns:
        A model that onnx's checker has passed, with one input `lq` and one output `sr`: RGB in
        [0, 1] in, RGB not clamped out. Its metadata say what it is (docs/export.md).
    """
    example_1TCHW = torch.zeros(1, network.settings.n_frames, 3, *_TRACED_WITH)
    example = as_layout(example_1TCHW, layout)
    content = io.BytesIO()
    with torch.no_grad(), network_operators(), _understood_warnings():
        torch.onnx.export(
            _Exported(network, layout),
            (example,),
            content,  # type: ignore[arg-type]  # typed as a path alone
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={
                INPUT: {example.ndim - 2: "height", example.ndim - 1: "width"},
                OUTPUT: {2: "enlarged_height", 3: "enlarged_width"},
            },
        )
    model = onnx.load_model_from_string(content.getvalue())
    model.graph.output[0].type.tensor_type.shape.dim[0].dim_value = 1  # which the trace loses
    onnx.helper.set_model_props(model, _metadata(network, layout))
    onnx.checker.check_model(model, full_check=True)
    return model


def as_layout(lq_1TCHW: Tensor, layout: Layout) -> Tensor:
    """Return a window in some layout."""
    match layout:
        case "5d":
            return lq_1TCHW
        case "4d":
            return lq_1TCHW.flatten(1, 2)
        case other:
            assert_never(other)


def as_window(lq: Tensor, layout: Layout) -> Tensor:
    """Return lq_1TCHW of a window in some layout."""
    match layout:
        case "5d":
            return lq
        case "4d":
            # Not a view: programs know the sizes of slices, not always those of reshaped tensors.
            return torch.stack(lq.split(3, dim=1), dim=1)
        case other:
            assert_never(other)


def input_channels(network: Network, layout: Layout) -> tuple[int, ...]:
    """Return what is between the batch and the height in the shape of the input."""
    n_frames = network.settings.n_frames
    return (n_frames, 3) if layout == "5d" else (3 * n_frames,)


def smallest_side(network: Network) -> int:
    """Return the shorter side in pixels from which on a model equals its network.

    A model aligns on all levels of the pyramid, whatever it is given; the network leaves out the
    levels that would be too small.
    """
    return 1 if network.align is None else FULL_PYRAMID


def _metadata(network: Network, layout: Layout) -> dict[str, str]:
    settings = network.settings.model_copy(update={"recompute": "auto"})
    return {
        "project": "vsr",
        "vsr_model": settings.model_dump_json(),  # as in our weights
        "scale": str(settings.scale),
        "frames": str(settings.n_frames),
        "layout": layout,
        "smallest_side": str(smallest_side(network)),
        "colour": "RGB in [0, 1]",
    }


@contextlib.contextmanager
def _understood_warnings() -> Iterator[None]:
    """Withhold the exporter's warnings that are known to be of no consequence, and no others.

    They change the whole process's filters meanwhile, as `warnings` does.
    """
    with warnings.catch_warnings():
        # Frames, channels and levels of the pyramid are counted in Python, and are the model's.
        warnings.filterwarnings(
            "ignore",
            "Converting a tensor to a Python boolean|Using len to get tensor shape",
            module=r"vsr_model\.(network|alignment\..*)$",
        )
        # The order of a padding's sides is reversed when the model runs instead of before.
        warnings.filterwarnings("ignore", "Constant folding - Only steps=1", UserWarning)
        # Torch's exporter calls a function of its own that it deprecates.
        warnings.filterwarnings(
            "ignore", "The feature will be removed", DeprecationWarning, module=r"torch\.onnx\."
        )
        yield
