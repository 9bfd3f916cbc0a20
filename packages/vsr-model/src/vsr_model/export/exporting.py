"""A network into a file that programs without torch run."""

import copy
import os

from vsr_files import replacing
from vsr_model.export.comparing import compare
from vsr_model.export.graph import Layout, onnx_model
from vsr_model.network import Network


def export_onnx(
    network: Network, path: str | os.PathLike[str], layout: Layout = "5d"
) -> float | None:
    """Write a network as ONNX, whole or not at all, in place of what is there.

    The file is made in fp32 whatever the network's precision, has passed onnx's checker, and where
    onnxruntime is installed it was run beside the network.

    Args:
        network: the network; it is left as it is.
        path: the file.
        layout: `5d` takes windows as (1, T, 3, H, W), `4d` as (1, T·3, H, W).

    Returns:
        The largest difference from what the network gives; None without onnxruntime.

    Raises:
        ExportError: if they differ by more than rounding.
        OSError: if the disk refuses.
    """
    portable = copy.deepcopy(network).float().cpu()
    content = onnx_model(portable, layout).SerializeToString()
    difference = compare(content, portable, layout)
    with replacing(path) as file:
        file.write(content)
    return difference
