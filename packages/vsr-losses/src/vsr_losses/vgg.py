"""VGG16 up to relu4_3, pretrained, frozen and verified: what a perceptual loss looks through.

The only room of this package that opens files.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from urllib.error import URLError

import torch
from filelock import FileLock
from safetensors.torch import save
from torch import Tensor, nn

from vsr_files import ForeignFileError, expanded, open_regular, replacing, tensors
from vsr_files.tensors import StoredTensor
from vsr_losses.provenance import (
    FULL_FILE,
    FULL_FILE_BYTES,
    FULL_FILE_SHA256,
    Weights,
    first_layers_are_genuine,
    is_rounded_from,
    what_is_wrong,
)

TAPS = (3, 8, 15, 22)
"""Indices in torchvision's `features` of relu1_2, relu2_2, relu3_3 and relu4_3."""

WITHOUT = "or set loss.perceptual_weight = 0 to train without it"


class PerceptualWeightsError(Exception):
    """VGG16 weights that cannot be had or trusted: which file, why, and what to do."""


class VGG16(nn.Module):
    """The convolutions of VGG16 up to relu4_3, frozen and in eval mode for ever.

    Args:
        weights: float32 tensors `features.N.weight` and `features.N.bias`.
        provenance: why they are believed: `verified`, or by whom they are trusted.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, weights: Weights, provenance: str) -> None:
        super().__init__()
        self.provenance = provenance
        # Without values of its own: there is no moment at which it could run with random weights.
        self.features = _blank_features()
        self.load_state_dict(dict(weights), assign=True)
        self.requires_grad_(requires_grad=False)
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1))
        self.eval()

    def train(self, mode: bool = True) -> Self:
        """Stay in eval mode whatever the module around it does."""
        del mode
        return super().train(mode=False)

    def normalise(self, rgb_BCHW: Tensor) -> Tensor:
        """Return RGB in [0, 1] as ImageNet's pictures were when the weights were trained."""
        return (rgb_BCHW - self.mean) / self.std

    def forward(self, rgb_BCHW: Tensor) -> list[Tensor]:
        """Return the four taps of RGB in [0, 1], shallowest first."""
        x = self.normalise(rgb_BCHW)
        taps = []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in TAPS:
                taps.append(x)  # the pooling after a tap leaves it as it is
        return taps


def load_vgg16(source: str, trusted_sha256: str | None = None) -> VGG16:
    """Load VGG16 and make sure that it is what it should be.

    Args:
        source: `imagenet` for torchvision's file, downloaded to its cache if need be, or a path.
        trusted_sha256: digest of a file the user vouches for, where it is not a known one.

    Raises:
        PerceptualWeightsError: if the weights cannot be had, read or trusted.
    """
    path = _published_file() if source == "imagenet" else expanded(source)
    digest = _file_sha256(path)
    weights = _convolutions(path, _read(path))
    if digest == FULL_FILE_SHA256:
        return VGG16(weights, "verified")
    if trusted_sha256 is not None:
        if digest != trusted_sha256:
            raise PerceptualWeightsError(
                f"{str(path)!r} is not the file that loss.perceptual_sha256 vouches for: "
                f"its SHA-256 is {digest}"
            )
        _check_values(path, weights)
        return VGG16(_as_float32(weights), "trusted by loss.perceptual_sha256")
    if not first_layers_are_genuine(weights) and not _is_genuine_in_half(weights):
        raise PerceptualWeightsError(
            f"{str(path)!r} is refused as VGG16: {what_is_wrong(weights)}; use {FULL_FILE} or what "
            f"`python -m vsr_losses export-vgg` cuts from it, vouch for this file with "
            f"loss.perceptual_sha256 = {digest!r}, {WITHOUT}"
        )
    return VGG16(_as_float32(weights), "verified")


def export_vgg16(vgg: VGG16, path: str | os.PathLike[str]) -> None:
    """Write the 29 MiB of VGG16 that the loss uses as safetensors, whole or not at all."""
    with replacing(path) as file:
        file.write(save(dict(vgg.features.state_dict(prefix="features."))))


def _blank_features() -> nn.Sequential:
    """Return torchvision's layers up to relu4_3, with shapes but no values."""
    # Imported here: torchvision takes seconds to import, and runs without VGG16 need none of it.
    from torchvision.models import vgg16  # noqa: PLC0415 - see above

    with torch.device("meta"):
        return vgg16(weights=None).features[: TAPS[-1] + 1]


def _published_file() -> Path:
    """Return torchvision's file in its cache, downloaded first where it is missing.

    Of all processes on a machine one downloads it; the others wait and find it.
    """
    path = _cached_file()
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock")):  # which its holder's end releases
            if not path.is_file():
                _download(path)
    except (URLError, OSError, RuntimeError) as error:
        raise PerceptualWeightsError(
            f"VGG16's weights {FULL_FILE!r} could not be downloaded ({error}); put the file at "
            f"{str(path)!r}, name its place with loss.perceptual_weights, {WITHOUT}"
        ) from error
    return path


def _download(path: Path) -> None:
    """Fetch torchvision's file, whole or not at all."""
    from torchvision.models import VGG16_Weights  # noqa: PLC0415 - as above

    torch.hub.download_url_to_file(
        VGG16_Weights.IMAGENET1K_V1.url, str(path), hash_prefix=FULL_FILE_SHA256
    )


def _cached_file() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints" / FULL_FILE


def _file_sha256(path: Path) -> str:
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (ForeignFileError, OSError) as error:
        raise PerceptualWeightsError(
            f"VGG16's weights {str(path)!r} cannot be read: {error}; correct "
            f"loss.perceptual_weights, {WITHOUT}"
        ) from error


def _read(path: Path) -> Any:
    try:
        return tensors.read(path, _tensor).value
    except ForeignFileError as error:
        size = path.stat().st_size
        cut = path.name == FULL_FILE and size < FULL_FILE_BYTES
        reason = (
            f"it has {size:,} of {FULL_FILE_BYTES:,} bytes, a download cut short" if cut else error
        )
        raise PerceptualWeightsError(
            f"VGG16's weights {str(path)!r} cannot be read: {reason}; fetch the file again, "
            f"{WITHOUT}"
        ) from error


def _tensor(stored: StoredTensor) -> Tensor:
    """Make a tensor of the bytes where they are."""
    dtype: torch.dtype = getattr(torch, stored.dtype)
    if not stored.data:
        return torch.empty(stored.shape, dtype=dtype)
    numbers = torch.frombuffer(stored.data, dtype=dtype)
    return numbers.as_strided(stored.shape, stored.strides, stored.offset)


def _convolutions(path: Path, stored: Any) -> dict[str, Tensor]:
    """Take the convolutions up to relu4_3 out of what a file holds, and check their shapes."""
    state = {}
    for name, expected in _blank_features().state_dict(prefix="features.").items():
        tensor = stored.get(name) if isinstance(stored, Mapping) else None
        got = tuple(tensor.shape) if isinstance(tensor, Tensor) else "nothing"
        if not isinstance(tensor, Tensor) or tensor.shape != expected.shape:
            raise PerceptualWeightsError(
                f"{str(path)!r} holds no VGG16: {name!r} should have shape "
                f"{tuple(expected.shape)}, got {got}; use {FULL_FILE}, {WITHOUT}"
            )
        state[name] = tensor
    return state


def _check_values(path: Path, weights: Weights) -> None:
    """Refuse what no loss can come out of, whoever vouches for it."""
    for name, tensor in weights.items():
        if not (tensor.is_floating_point() and tensor.isfinite().all()):
            raise PerceptualWeightsError(
                f"{str(path)!r} holds no usable VGG16: the values of {name!r} are {tensor.dtype}, "
                f"not all of them finite numbers; use {FULL_FILE}, {WITHOUT}"
            )


def _is_genuine_in_half(weights: Weights) -> bool:
    """Compare half-precision weights with the genuine file, where it is in torchvision's cache."""
    genuine = _cached_file()
    if not genuine.is_file() or _file_sha256(genuine) != FULL_FILE_SHA256:
        return False
    return is_rounded_from(weights, _convolutions(genuine, _read(genuine)))


def _as_float32(weights: Weights) -> dict[str, Tensor]:
    return {name: tensor.float() for name, tensor in weights.items()}
