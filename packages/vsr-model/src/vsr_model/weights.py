"""Weights in and out: a weights file alone rebuilds its network.

The only room of this package that opens files. Nothing read from a file is ever executed.
"""

import os
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from types import MappingProxyType
from typing import Any, Self

import pydantic
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from vsr_model.network import Network
from vsr_settings import Model
from vsr_settings.files import replacing

_METADATA_KEY = "vsr_model"


class WeightsError(Exception):
    """A weights file that cannot be used: which file, what it should hold, what it holds."""


def save_weights(
    network: Network,
    path: str | os.PathLike[str],
    facts: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Write a network to `path` as safetensors, atomically, with what rebuilds it as metadata.

    Args:
        network: the network.
        path: the file.
        facts: what else the metadata tell, for `read_facts`.
    """
    path = Path(path)
    tensors = {name: tensor.detach().contiguous() for name, tensor in network.state_dict().items()}
    settings = network.settings.model_copy(update={"recompute": "auto"})
    metadata = {**facts, _METADATA_KEY: settings.model_dump_json()}
    with replacing(path) as file:
        file.write(save(tensors, metadata=metadata))


def read_facts(path: str | os.PathLike[str]) -> dict[str, str]:
    """Return the facts that `save_weights` put into a safetensors file.

    Raises:
        WeightsError: if it is not a whole safetensors file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{str(path)!r} is not a whole safetensors file ({error})") from error
    metadata.pop(_METADATA_KEY, None)
    return metadata


def load_weights(path: str | os.PathLike[str], *, n_frames: int = 5) -> Network:
    """Rebuild a network from a `.safetensors` file of ours, or from a `.pth` checkpoint.

    A `.pth` holds a bare state dict or has one under `model_state_dict`; a `module.` prefix is
    dropped, and the network's size is read from the shapes. Anything else in it is left alone:
    objects of unknown classes are never imported, let alone run.

    Args:
        path: the weights file.
        n_frames: frames in a window, where the file does not say; any odd number fits any weights.

    Returns:
        The network on the CPU, in training mode, in the precision of the file.

    Raises:
        WeightsError: naming the file, where it cannot be read or does not hold such a network.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"{str(path)!r} is not a file; give the path of a weights file")
    if path.suffix == ".safetensors":
        settings, state = _read_safetensors(path)
    else:
        state = _network_state(path, read_checkpoint(path))
        settings = _size_from_shapes(path, state, n_frames)
    with torch.device("meta"):
        network = Network(settings)
    _check_fit(path, network.state_dict(), state)
    network.load_state_dict(state, assign=True)
    return network.requires_grad_()


def read_checkpoint(path: Path) -> Any:
    """Read what `torch.save` wrote; objects of classes torch does not vouch for become inert.

    Raises:
        WeightsError: if torch's restricted unpickler cannot read the file.
    """
    try:
        unknown = _unknown_globals(path)
        with torch.serialization.safe_globals([(_Inert, name) for name in unknown]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        raise WeightsError(
            f"{str(path)!r} cannot be read as a checkpoint: {_reason(path)}; give another "
            "checkpoint or weights"
        ) from error


def _reason(path: Path) -> str:
    """Say why torch could not read a file, as far as the file itself tells."""
    with path.open("rb") as file:
        start = file.read(2)
    if not start:
        return "it is empty"
    if start == b"PK":
        return "it is cut short, damaged, or holds what may not be read"
    return "torch.save did not write it"


class _Inert:
    """What stands for an object of an unknown class: it takes any state and does nothing."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self:
        return super().__new__(cls)

    def __init__(self, *_args: Any, **_kwargs: Any) -> None: ...

    def __setstate__(self, _state: Any) -> None: ...


def _unknown_globals(path: Path) -> list[str]:
    if not zipfile.is_zipfile(path):  # written by torch < 1.6: torch's own list of types must do
        return []
    return torch.serialization.get_unsafe_globals_in_checkpoint(path)


def _read_safetensors(path: Path) -> tuple[Model, dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(_METADATA_KEY)
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"{str(path)!r} is not a whole safetensors file ({error}); give another file of weights"
        ) from error
    if text is None:
        raise WeightsError(
            f"{str(path)!r} does not say which network it holds (no {_METADATA_KEY!r} metadata); "
            "give a file that `save_weights` wrote"
        )
    try:
        return Model.model_validate_json(text), state
    except pydantic.ValidationError as error:
        raise WeightsError(f"{str(path)!r} describes no valid network: {text!r}") from error


def _network_state(path: Path, stored: Any) -> dict[str, Tensor]:
    """Find the network's tensors in what a checkpoint holds."""
    if isinstance(stored, Mapping) and isinstance(stored.get("model_state_dict"), Mapping):
        stored = stored["model_state_dict"]
    if not isinstance(stored, Mapping) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in stored.items()
    ):
        raise WeightsError(
            f"{str(path)!r} holds no network: neither a state dict nor one under 'model_state_dict'"
        )
    return {name.removeprefix("module."): value for name, value in stored.items()}


def _size_from_shapes(path: Path, state: Mapping[str, Tensor], n_frames: int) -> Model:
    """Read feature count, depth and scale from the shapes."""
    blocks = {match[1] for name in state if (match := re.match(r"backward_trunk\.(\d+)\.", name))}
    try:
        n_feats = state["feat_extract.weight"].shape[0]
        wide = state["upsample.0.weight"].shape[0]
        return Model.model_validate(
            {
                "n_feats": n_feats,
                "n_blocks": 2 * len(blocks),
                "n_frames": n_frames,
                "scale": round((wide / n_feats) ** 0.5),
            }
        )
    except KeyError as error:
        raise WeightsError(f"{str(path)!r} holds another network: it has no {error}") from error
    except (pydantic.ValidationError, IndexError, ZeroDivisionError) as error:
        raise WeightsError(
            f"{str(path)!r} holds no network of this family: {len(blocks)} blocks a trunk, "
            f"upsample.0 of shape {tuple(state['upsample.0.weight'].shape)}"
        ) from error


def _check_fit(path: Path, expected: Mapping[str, Tensor], got: Mapping[str, Tensor]) -> None:
    problems = [f"lacks {name!r}" for name in expected.keys() - got.keys()]
    problems += [f"has an extra {name!r}" for name in got.keys() - expected.keys()]
    for name in expected.keys() & got.keys():
        want, have = tuple(expected[name].shape), tuple(got[name].shape)
        if want != have:
            problems.append(f"has {name!r} of shape {have}, not {want}")
        elif not got[name].is_floating_point():
            problems.append(f"has {name!r} as {got[name].dtype}, not floating point")
    if problems:
        shown = "; ".join(sorted(problems)[:4])
        more = f"; and {len(problems) - 4} more" if len(problems) > 4 else ""
        raise WeightsError(f"{str(path)!r} does not fit its network: it {shown}{more}")
