"""Trading arithmetic for memory: what backward computes again instead of keeping.

One mechanism, torch's non-reentrant checkpoint, used at three grains. It restores autocast, works
under DistributedDataParallel, and stops as soon as backward has what it needs: recomputing
`conv2(act(conv1(x)))` never runs `conv2` again.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from vsr_settings.memory import SEGMENT_BLOCKS


def keep_inputs(function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
    """Call `function`, keeping only `inputs` for backward; what it saves is computed again there.

    Without gradients it is a plain call. `function` must be deterministic: no dropout.
    """
    if not torch.is_grad_enabled():
        return function(*inputs)
    output = checkpoint(function, *inputs, use_reentrant=False, preserve_rng_state=False)
    assert isinstance(output, Tensor)  # noqa: S101 - narrows torch's untyped return
    return output


def segments(blocks: Iterable[nn.Module]) -> Iterator[nn.Sequential]:
    """Cut a trunk into stretches of at most `SEGMENT_BLOCKS` blocks, which share its parameters."""
    remaining = iter(blocks)
    while stretch := list(islice(remaining, SEGMENT_BLOCKS)):
        yield nn.Sequential(*stretch)
