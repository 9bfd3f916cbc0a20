"""Whether tensors from a file are what they should be, before anything takes them over."""

import os
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from vsr_files.tensors import Opaque

_SHOWN = 4


class WeightsError(Exception):
    """A weights file that cannot be used: which file, what it should hold, what it holds."""


def require_tensors(
    found: Mapping[Any, Any],
    expected: Mapping[str, Tensor],
    *,
    what: str,
    path: str | os.PathLike[str],
) -> None:
    """Make sure that tensors of a file can take the place of others.

    Each must be there, of the same shape, dense and finite; floating point where the other is, and
    of the very type where it is not. An optimiser whose state has another shape corrupts memory in
    its first step, so this comes before any `load_state_dict`.

    Args:
        found: what the file holds, by name.
        expected: tensors of the right shapes and types, by name; their values are not looked at,
            so they may be on the meta device.
        what: what takes them over, for the message: `the network of [model]`.
        path: the file they are from.

    Raises:
        WeightsError: naming the file, what takes them over, and the first tensors that do not fit.
    """
    problems = [f"lacks {name!r}" for name in expected.keys() - found.keys()]
    problems += [f"has an extra {name!r:.200}" for name in found.keys() - expected.keys()]
    for name in expected.keys() & found.keys():
        problem = _problem(found[name], expected[name])
        if problem is not None:
            problems.append(f"has {name!r} {problem}")
    if problems:
        shown = "; ".join(sorted(problems)[:_SHOWN])
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise WeightsError(f"{str(path)!r} does not fit {what}: it {shown}{more}")


def describe(value: Any) -> str:
    """Say what a value is, with its article."""
    if isinstance(value, Opaque):
        return value.kind
    if not isinstance(value, Tensor):
        return f"a {type(value).__name__}"
    if value.is_quantized:
        return "a quantised tensor"
    if value.layout != torch.strided:
        return "a sparse tensor"
    return "a tensor without values (meta)" if value.is_meta else "a tensor"


def _problem(found: Any, expected: Tensor) -> str | None:
    """Say what keeps a value from taking a tensor's place, the plainest reason first."""
    kind = describe(found)
    if kind != "a tensor":
        return f"as {kind}, not a dense tensor"
    if found.shape != expected.shape:
        return f"of shape {tuple(found.shape)}, not {tuple(expected.shape)}"
    if not expected.is_floating_point():
        return None if found.dtype == expected.dtype else f"as {found.dtype}, not {expected.dtype}"
    if not found.is_floating_point():
        return f"as {found.dtype}, not floating point"
    wrong = found.numel() - int(torch.isfinite(found).sum())
    return f"with {wrong:,} of {found.numel():,} values NaN or infinite" if wrong else None
