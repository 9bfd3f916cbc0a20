"""What residual blocks and the aligned branch add to their input, seen by hooks.

Hooks are in place while a context lasts, compute on the device and wait for nothing.

Shape suffixes: B samples, F features, K channels of evidence, H and W pixels.
"""

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from vsr_model.blocks import ResidualBlock
from vsr_model.network import Network


def block_names(network: nn.Module) -> list[str]:
    """Return the names of the residual blocks in the order of `watched_blocks`."""
    return [name for name, _ in _residual_blocks(network)]


@contextmanager
def watched_blocks(network: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Measure what residual blocks add while the context lasts, each at its last frame."""
    added: dict[str, Tensor] = {}
    with ExitStack() as hooks:
        for name, block in _residual_blocks(network):
            handle = block.register_forward_hook(partial(_measure_block, added, name))
            hooks.callback(handle.remove)
        yield added


@contextmanager
def watched_branch(network: Network) -> Iterator[list[Tensor]]:
    """Measure the aligned branch while the context lasts: what `branch_figures` reads, or nothing.

    Those are the norms of what is added and of the features, and the mean confidence.
    """
    measured: list[Tensor] = []
    with ExitStack() as hooks:
        if network.align is not None:
            handle = network.align.register_forward_hook(partial(_measure_branch, measured))
            hooks.callback(handle.remove)
        yield measured


def branch_figures(measured: list[float]) -> dict[str, float | None]:
    """Name what was measured of the aligned branch as a snapshot does; empty without a branch."""
    if not measured:
        return {}
    added, features, confidence = measured
    is_known = features > 0 and math.isfinite(features)
    return {"aligned": added / features if is_known else None, "confidence": confidence}


def _residual_blocks(network: nn.Module) -> Iterator[tuple[str, ResidualBlock]]:
    for name, module in network.named_modules():
        if isinstance(module, ResidualBlock):
            yield name, module


def _measure_block(
    added: dict[str, Tensor], name: str, _: nn.Module, inputs: tuple[Tensor], output: Tensor
) -> None:
    (entered,) = inputs
    norms = [part.float().norm() for part in (output - entered, entered)]
    added[name] = norms[0] / norms[1].clamp(min=torch.finfo(torch.float32).tiny)


def _measure_branch(
    measured: list[Tensor], _: nn.Module, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor
) -> None:
    h_BFHW, confidence_B1HW, _evidence_BKHW = inputs
    norms = [part.float().norm() for part in (output - h_BFHW, h_BFHW)]
    measured[:] = [*norms, confidence_B1HW.float().mean()]
