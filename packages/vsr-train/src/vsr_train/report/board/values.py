"""What TensorBoard shows, as its messages: points, texts, pictures, histograms, a table of runs."""

import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from PIL import Image
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary, SummaryMetadata
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar.metadata import CONFIG_SUMMARY_TAG, PLUGIN_NAME
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.util.tensor_util import make_tensor_proto
from torch import Tensor

Charts = Mapping[str, Mapping[str, list[str]]]
"""Curves that are drawn in one chart: patterns of their tags by chart, by group."""

BINS: Final = 32
"""Of a histogram: enough for a shape."""

QUALITY: Final = 85
"""Of pictures, as JPEG: a checksum in Python makes every byte dear, and the sheets themselves are
in the run's folder."""


def scalar(tag: str, value: float) -> Summary.Value:
    """Return a point of a curve."""
    return Summary.Value(tag=tag, simple_value=value)


def text(tag: str, markdown: str) -> Summary.Value:
    """Return a text."""
    return text_pb(tag, markdown).value[0]


def picture(tag: str, path: Path) -> Summary.Value:
    """Return a picture file as JPEG.

    Raises:
        OSError: if it cannot be read.
    """
    encoded = io.BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").save(encoded, format="JPEG", quality=QUALITY)
        width, height = image.size
    shown = Summary.Image(
        height=height, width=width, colorspace=3, encoded_image_string=encoded.getvalue()
    )
    return Summary.Value(tag=tag, image=shown)


def histogram(tag: str, tensor: Tensor) -> Summary.Value:
    """Return the histogram of a tensor whose values are finite."""
    values = tensor.detach().cpu().flatten().to(torch.float32)
    low, high, total, squares = (
        float(each) for each in (values.min(), values.max(), values.sum(), values.square().sum())
    )
    left, right = (low, high) if low < high else (low - 1, high + 1)  # as histc has it
    counts = torch.histc(values, BINS, left, right).tolist()
    edges = [left + (right - left) * edge / BINS for edge in range(1, BINS)]
    shown = HistogramProto(
        min=low, max=high, num=values.numel(), sum=total, sum_squares=squares,
        bucket_limit=[*edges, right], bucket=counts,
    )  # fmt: skip
    return Summary.Value(tag=tag, histo=shown)


def charts(layout: Charts) -> Summary.Value:
    """Return which curves are drawn together."""
    message = layout_pb2.Layout()
    for group, members in layout.items():
        category = message.category.add(title=group)
        for title, tags in members.items():
            category.chart.add(title=title).multiline.tag.extend(tags)
    about = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=PLUGIN_NAME))
    tensor = make_tensor_proto(message.SerializeToString(), dtype="string")
    return Summary.Value(tag=CONFIG_SUMMARY_TAG, tensor=tensor, metadata=about)


def hyper_parameters(
    chosen: Mapping[str, float | str], reached: Mapping[str, float]
) -> list[Summary.Value]:
    """Return a run's hyper-parameters and figures, for the table of runs.

    Args:
        chosen: settings by name.
        reached: figures by tag; they are curves of one point.
    """
    from torch.utils.tensorboard.summary import hparams  # noqa: PLC0415 - slow, and for the end

    figures = {tag: value for tag, value in reached.items() if math.isfinite(value)}
    described = [value for part in hparams(dict(chosen), figures) for value in part.value]
    return [*described, *(scalar(tag, value) for tag, value in figures.items())]
