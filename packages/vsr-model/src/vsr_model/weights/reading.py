"""Checkpoints and weights read as they are, safely whoever wrote them."""

import os
from typing import Any

import torch
from torch import Tensor

from vsr_files import tensors
from vsr_files.tensors import Contents, ForeignFileError, StoredTensor
from vsr_model.weights.checking import WeightsError


def read_checkpoint(path: str | os.PathLike[str]) -> Any:
    """Read what torch.save or safetensors wrote, as data: nothing in it is imported or run.

    Returns:
        Containers, numbers, texts and tensors on the CPU; `Opaque` for anything else, such as
        the objects of classes that a checkpoint's other parts need.

    Raises:
        WeightsError: naming the file, whatever is wrong with it.
    """
    return read_contents(path).value


def read_contents(path: str | os.PathLike[str]) -> Contents:
    """Read a file with its metadata; see `read_checkpoint`."""
    try:
        return tensors.read(path, _tensor)
    except ForeignFileError as error:
        raise WeightsError(
            f"{str(path)!r} cannot be read as weights: {error}; give another file of weights or "
            "checkpoint"
        ) from error


def _tensor(stored: StoredTensor) -> Tensor:
    """Make a tensor of the bytes where they are."""
    dtype: torch.dtype = getattr(torch, stored.dtype)
    if not stored.data:
        return torch.empty(stored.shape, dtype=dtype)
    numbers = torch.frombuffer(stored.data, dtype=dtype)
    return numbers.as_strided(stored.shape, stored.strides, stored.offset)
