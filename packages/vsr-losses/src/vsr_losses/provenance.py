"""Whether VGG16 weights are the genuine ones, and what they seem to be where they are not.

A perceptual loss whose network is not the pretrained one can train into blur and look healthy, so
weights are verified, vouched for by the user with a digest, or refused; never substituted.
"""

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor

FULL_FILE = "vgg16-397923af.pth"
FULL_FILE_BYTES = 553_433_881
FULL_FILE_SHA256 = "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0"
"""torchvision's IMAGENET1K_V1 file. `torch.hub` compares its digest only while downloading."""

FIRST_LAYERS_SHA256 = {
    "features.0.weight": "03c02e0544ea3b2a9e832ca1d3cba452e3e4a43f13fb64a7d9c59bd024e43f48",
    "features.0.bias": "fc9e0c7f6a8c4d0d052fd61f4e9b02a4c0cbae17b92af7bdb4f0e5db30b457fc",
    "features.2.weight": "df471b8b1cc22da897eefd0a5de540046bfc9194ac60395f645af6a72a170589",
    "features.2.bias": "af62ac8259bc93db2489f953b105b043870521519bf41ae5ffd1007e6aeea8c5",
}
"""Digests of the genuine first layers as little-endian float32: all that a cut file is known by."""

UNTRAINED_SMOOTHNESS = 0.25
"""Trained first kernels are edges and blobs whose neighbouring taps agree; noise has 0 ± 0.05."""

CAFFE_LARGEST = 0.05
"""Weights for inputs of 0-255, not divided by a standard deviation, are some 60 times smaller."""

Weights = Mapping[str, Tensor]


def tensor_sha256(tensor: Tensor) -> str:
    """Return the SHA-256 of a tensor's values as little-endian float32, in C order."""
    values = tensor.detach().float().contiguous().numpy().astype("<f4", copy=False)
    return hashlib.sha256(values.tobytes()).hexdigest()


def first_layers_are_genuine(weights: Weights) -> bool:
    """Compare the first two convolutions with the genuine file's digests."""
    return all(
        weights[name].dtype == torch.float32 and tensor_sha256(weights[name]) == digest
        for name, digest in FIRST_LAYERS_SHA256.items()
    )


def is_rounded_from(weights: Weights, genuine: Weights) -> bool:
    """Tell whether half-precision weights are the genuine ones, rounded, bit for bit."""
    return all(
        tensor.dtype in (torch.float16, torch.bfloat16)
        and torch.equal(tensor, genuine[name].to(tensor.dtype))
        for name, tensor in weights.items()
    )


def what_is_wrong(weights: Weights) -> str:
    """Say what refused weights seem to be, the surest sign first."""
    first = weights["features.0.weight"]
    biases = [tensor for name, tensor in weights.items() if name.endswith("bias")]
    if not all(tensor.isfinite().all() for tensor in weights.values()):
        return "it holds values that are not finite"
    if tensor_sha256(first.flip(1)) == FIRST_LAYERS_SHA256["features.0.weight"]:
        return "its first layer takes BGR, the genuine one RGB"
    if first.dtype != torch.float32:
        return f"it is in {_precision(first)}, and the genuine file to compare with is not here"
    if not any(bias.any() for bias in biases) or _smoothness(first) < UNTRAINED_SMOOTHNESS:
        return "it is untrained: its first layer is noise"
    if float(first.abs().max()) < CAFFE_LARGEST:
        return (
            "its first layer is scaled for pixels of 0-255 (caffe style), the genuine one's is not"
        )
    return "it is trained, but its first layers are not the genuine ones"


def _smoothness(kernels: Tensor) -> float:
    """Correlation of horizontally and vertically neighbouring taps of 3×3 kernels."""
    taps = kernels.float()
    pairs = [(taps[..., :-1], taps[..., 1:]), (taps[..., :-1, :], taps[..., 1:, :])]
    one = torch.cat([a.flatten() for a, _ in pairs])
    other = torch.cat([b.flatten() for _, b in pairs])
    return float(torch.corrcoef(torch.stack([one, other]))[0, 1])


def _precision(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
