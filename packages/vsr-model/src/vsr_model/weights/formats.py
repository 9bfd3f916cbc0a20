"""Where other people's files keep a network, and under which names."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from vsr_model.weights.checking import WeightsError, describe

_WRAPPERS = {"params", "state_dict", "model", "model_state_dict", "net", "network", "generator"}
_WRAPPERS |= {"net_g", "netG", "weights"}
"""Keys under which trainers store a network, and what prefixes the names inside another module."""

_AVERAGE = {"ema", "averaged", "average"}
"""A part of the keys under which trainers store the average of the weights, as in `params_ema`."""

_ADDED_BY_TORCH = {"_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
"""Parts that torch.compile, DDP, FSDP and the like put anywhere into the names."""

_OURS = {"feat_extract", "backward_fuse", "backward_trunk", "forward_fuse", "forward_trunk"}
_OURS |= {"fusion", "upsample", "align"}

_COUNT_OF_AVERAGED = "n_averaged"  # beside the weights in torch.optim.swa_utils.AveragedModel

_DEEPEST = 4


@dataclass(frozen=True)
class Found:
    """Tensors that are named as this network's are."""

    place: tuple[str, ...]
    """The keys that lead there, and the prefix of the names."""
    tensors: dict[str, Any]
    """By the network's own names."""

    @property
    def rank(self) -> int:
        """0 for an average, 1 for what is stored where networks are, 2 for anywhere else."""
        if any(_AVERAGE & set(part.lower().split("_")) for part in self.place):
            return 0
        return 1 if all(part in _WRAPPERS for part in self.place) else 2


def find_network(stored: Any, path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the network's tensors by its own names: the average where there is one.

    Raises:
        WeightsError: naming what the file holds, where that is no network or several.
    """
    found = list(_networks(stored, (), set()))
    best = min((one.rank for one in found), default=0)
    chosen = [one for one in found if one.rank == best]
    if not chosen:
        raise WeightsError(
            f"{str(path)!r} holds no network: it holds {_held(stored)}; give a state dict, bare or "
            "under a key such as 'params' or 'model_state_dict'"
        )
    if len(chosen) > 1:
        places = ", ".join(f"{'.'.join(one.place)!r:.60}" for one in chosen)
        raise WeightsError(
            f"{str(path)!r} holds {len(chosen)} networks: {places}; store the one you mean in a "
            "file of its own"
        )
    return chosen[0].tensors


def _networks(stored: Any, place: tuple[str, ...], seen: set[int]) -> Iterator[Found]:
    """Find networks in a mapping and in the mappings under its keys, each mapping once."""
    if not isinstance(stored, Mapping) or len(place) > _DEEPEST or id(stored) in seen:
        return
    seen.add(id(stored))
    for prefix, tensors in _by_prefix(stored).items():
        if any(name.partition(".")[0] in _OURS for name in tensors):
            tensors.pop(_COUNT_OF_AVERAGED, None)
            yield Found((*place, *prefix), tensors)
    for key, value in stored.items():
        if isinstance(key, str):
            yield from _networks(value, (*place, key), seen)


def _by_prefix(stored: Mapping[Any, Any]) -> dict[tuple[str, ...], dict[str, Any]]:
    """Sort dotted names by the modules that were wrapped around the network when it was saved."""
    groups: dict[tuple[str, ...], dict[str, Any]] = {}
    for key, value in stored.items():
        if not isinstance(key, str) or isinstance(value, Mapping):
            continue
        parts = [part for part in key.split(".") if part not in _ADDED_BY_TORCH]
        prefix = tuple(takewhile(_is_wrapper, parts))
        groups.setdefault(prefix, {})[".".join(parts[len(prefix) :])] = value
    return groups


def _is_wrapper(part: str) -> bool:
    return part in _WRAPPERS or bool(_AVERAGE & set(part.lower().split("_")))


def _held(stored: Any) -> str:
    if not isinstance(stored, Mapping):
        return describe(stored)
    keys = [f"{key!r:.60}" for key in stored if isinstance(key, str | int)]
    return f"{', '.join(keys[:6])}{', …' if len(keys) > 6 else ''}" if keys else "nothing"
