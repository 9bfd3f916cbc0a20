"""A weights file alone rebuilds its network, whichever trainer wrote it."""

import json
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import pydantic
import torch
from safetensors.torch import save
from torch import Tensor

from vsr_files import replacing
from vsr_files.tensors import Contents
from vsr_model.network import Network
from vsr_model.weights.checking import WeightsError, describe, require_tensors
from vsr_model.weights.formats import find_network
from vsr_model.weights.reading import read_contents
from vsr_settings import Model

_METADATA_KEY = "vsr_model"

_LONGEST_SETTINGS = 1 << 17  # characters; time that tomllib takes may grow with their square


def save_weights(
    network: Network,
    path: str | os.PathLike[str],
    facts: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Write a network to `path` as safetensors, with what rebuilds it as metadata.

    The file is there whole, through a power cut too, or what was there before still is.

    Args:
        network: the network.
        path: the file.
        facts: what else the metadata tell, for `read_facts`.

    Raises:
        OSError: if the disk refuses.
    """
    tensors = {name: tensor.detach().contiguous() for name, tensor in network.state_dict().items()}
    settings = network.settings.model_copy(update={"recompute": "auto"})
    with replacing(path) as file:
        metadata = {**facts, _METADATA_KEY: settings.model_dump_json()}
        file.write(save(tensors, metadata=metadata))


def read_facts(path: str | os.PathLike[str]) -> dict[str, str]:
    """Return the facts that `save_weights` put beside the weights of a file.

    Of a run's checkpoint: what its settings say of the degradation.

    Raises:
        WeightsError: if the file cannot be read.
    """
    contents = read_contents(path)
    if _is_of_a_run(contents.value):
        return _facts_of_run(contents.value["settings"])
    return {k: v for k, v in contents.metadata.items() if k != _METADATA_KEY}


def load_weights(path: str | os.PathLike[str], *, n_frames: int = 5) -> Network:
    """Rebuild a network from a file of ours or of another trainer, `.safetensors` or `.pth`.

    The state dict is bare or under the keys that trainers use (`params`, `model_state_dict`, …),
    with or without what wrappers put before its names (`module.`, `_orig_mod.`, …); of weights and
    their average the average is taken. Objects beside it are never imported, let alone run.

    Args:
        path: the weights file, or a run's checkpoint.
        n_frames: frames in a window, where the file does not say; any odd number fits any weights.

    Returns:
        The network on the CPU, in training mode, in the precision of the file.

    Raises:
        WeightsError: naming the file, where it cannot be read or does not hold such a network.
    """
    contents = read_contents(path)
    state = find_network(contents.value, path)
    settings = _settings(path, state, {"n_frames": n_frames} | _declared(path, contents))
    with torch.device("meta"):
        network = Network(settings)
    require_tensors(state, network.state_dict(), what="its network", path=path)
    precisions = {str(tensor.dtype) for tensor in state.values()}
    if len(precisions) > 1:
        raise WeightsError(
            f"{str(path)!r} holds weights of {', '.join(sorted(precisions))} at once"
        )
    network.load_state_dict(state, assign=True)
    return network.requires_grad_()


def _declared(path: str | os.PathLike[str], contents: Contents) -> dict[str, Any]:
    """Return the `[model]` settings that a file of ours states, whichever kind of file it is.

    A checkpoint's settings are read as text, not loaded: rules about cards and budgets, which may
    have changed since, say nothing about its weights.
    """
    text = contents.metadata.get(_METADATA_KEY)
    parse: Callable[[str], Any] = json.loads
    if text is None and _is_of_a_run(contents.value):
        text, parse = contents.value["settings"], _model_section
    if text is None:
        return {}
    if not isinstance(text, str):
        raise WeightsError(f"{str(path)!r} has {describe(text)} where its settings should be")
    try:
        return Model.model_validate(parse(text)).model_dump(exclude_unset=True) | {
            "recompute": "auto"
        }
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise WeightsError(f"{str(path)!r} describes no valid network: {text!r:.300}") from error


def _is_of_a_run(value: Any) -> bool:
    return isinstance(value, Mapping) and {"format", "settings"} <= value.keys()


def _facts_of_run(text: Any) -> dict[str, str]:
    try:
        told = tomllib.loads(text[:_LONGEST_SETTINGS])["data"]["degradation"]
        return {"degradation": told if isinstance(told, str) else json.dumps(told)}
    except (ValueError, LookupError, TypeError, RecursionError):
        return {}


def _model_section(text: str) -> Any:
    return tomllib.loads(text[:_LONGEST_SETTINGS])["model"]


def _settings(
    path: str | os.PathLike[str], state: Mapping[str, Any], declared: Mapping[str, Any]
) -> Model:
    """Read feature count, depth and scale from the shapes, the rest from what the file states."""
    blocks = {match[1] for name in state if (match := re.match(r"backward_trunk\.(\d+)\.", name))}
    n_feats = _length(path, state, "feat_extract.weight")
    wide = _length(path, state, "upsample.0.weight")
    sizes = {
        "n_feats": n_feats,
        "n_blocks": 2 * len(blocks),
        "scale": round((wide / max(n_feats, 1)) ** 0.5),
        "align": "samples" if any(name.startswith("align.") for name in state) else "none",
    }
    for name, size in sizes.items():
        if declared.get(name, size) != size:
            raise WeightsError(
                f"{str(path)!r} contradicts itself: it states {name} = {declared[name]}, and its "
                f"tensors are those of {size}"
            )
    try:
        return Model.model_validate({**declared, **sizes})
    except pydantic.ValidationError as error:
        raise WeightsError(
            f"{str(path)!r} holds no network of this family: {n_feats} features, {len(blocks)} "
            f"blocks a trunk, ×{sizes['scale']}, {declared['n_frames']} frames"
        ) from error


def _length(path: str | os.PathLike[str], state: Mapping[str, Any], name: str) -> int:
    """Return the first dimension of a tensor that the network's size is read from."""
    tensor = state.get(name)
    if tensor is None:
        raise WeightsError(f"{str(path)!r} holds another network: it has no {name!r}")
    if not isinstance(tensor, Tensor) or tensor.ndim == 0:
        raise WeightsError(
            f"{str(path)!r} does not fit its network: it has {name!r} as {describe(tensor)}, not "
            "a dense tensor of at least one dimension"
        )
    return tensor.shape[0]
