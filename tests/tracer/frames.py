"""What whole frames take without a way back: inference, and a validation of one window."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import numpy as np
import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from tracer.steps import blank_vgg16, platform_of
from tracer.storages import StorageWatch, Trace
from vsr_data import Footage
from vsr_losses import PerceptualLoss
from vsr_model import Network, enlarge_film
from vsr_settings import Model, Settings
from vsr_settings.hardware.presets import Precision
from vsr_train import validation
from vsr_train.validation import Validator


def trace_inference(
    model: Model,
    height: int,
    width: int,
    precision: Precision,
    *,
    tile: int | None = None,
    batch: int = 1,
    frames: int | None = None,
) -> Trace:
    """Enlarge the frames of a film on fake tensors, weights included.

    Two batches of its middle are among them, unless the number of frames says otherwise.
    """
    count = frames or model.n_frames + 3 * batch
    with FakeTensorMode(), StorageWatch() as watch:
        platform = platform_of(Settings(model=model), precision)
        network = Network(model)  # autocast keeps casts of weights that learn alone
        film = ((torch.empty(1, 3, height, width), False) for _ in range(count))
        with platform.autocast():
            for sr_1CHW in enlarge_film(network, film, batch=batch, tile=tile):
                del sr_1CHW
        return Trace(watch.peak(), watch.flops, tuple(watch.events))


def trace_validation(settings: Settings, height: int, width: int) -> Trace:
    """Measure two windows with the real `Validator`, on fake tensors.

    The network and VGG16 are among what is traced, the rest of a run is not.
    """
    model = settings.model
    with FakeTensorMode():
        lq_TCHW = torch.empty(model.n_frames, 3, height, width, dtype=torch.uint8)
        gt_CHW = torch.empty(3, model.scale * height, model.scale * width, dtype=torch.uint8)
        clip = _Clip(model, height, width)
        with StorageWatch() as watch, _values_are_zero():
            watch.leave_out(lq_TCHW, gt_CHW)
            felt = settings.loss.perceptual_weight > 0
            perceptual = PerceptualLoss(blank_vgg16(), 1) if felt else None
            network = Network(model).requires_grad_(requires_grad=False)
            start = len(watch.events)
            platform = platform_of(settings, "fp32")
            validator = Validator(Footage((clip,)), settings, platform, perceptual)
            windows = [(clip, 0, lq_TCHW, gt_CHW)] * 2
            with (
                patch.object(validation, "validation_windows", lambda *_, **__: windows),
                # pictures for people are copied to the host, which here is where all is
                patch.object(validation, "MOST_PICTURES", 0),
            ):
                validator.measure(network)
        return Trace(watch.peak(start), watch.flops, tuple(watch.events))


class _Clip:
    """Two windows of a size, without a picture in them."""

    name = "traced"
    windows = 2

    def __init__(self, model: Model, height: int, width: int) -> None:
        self._shapes = (
            (model.n_frames, height, width, 3),
            (model.scale * height, model.scale * width, 3),
        )

    def window(self, _: int) -> list[np.ndarray]:
        return [np.zeros(shape, np.uint8) for shape in self._shapes]


@contextmanager
def _values_are_zero() -> Iterator[None]:
    """Fake tensors have none, and a validation fetches some."""
    with (
        patch.object(FakeTensor, "tolist", lambda self: [0.0] * self.numel()),
        patch.object(FakeTensor, "__float__", lambda _: 0.0, create=True),
    ):
        yield
