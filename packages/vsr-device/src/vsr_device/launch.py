"""How a run finds the processes that torchrun started with it, and how they part.

The only room of this package that reads the environment: torchrun's variables, which are no
settings.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Final

import torch
import torch.distributed as dist
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from vsr_device.bulletin import Bulletin, Reason
from vsr_device.errors import DeviceError, PeerError
from vsr_device.processes import Processes
from vsr_settings import Settings

_ANSWER: Final = timedelta(minutes=5)
"""How long torchrun's store may take to answer."""


@contextmanager
def joined(
    settings: Settings, explain: Callable[[BaseException], Reason | None]
) -> Iterator[Processes]:
    """Find the processes that torchrun started, and part from them at the end.

    What ends the block in one process ends it in all: the others raise `PeerError` where they next
    wait for it.

    Args:
        settings: the run; `train.world_size` of 1 finds nobody.
        explain: the message and exit code of an error that a user can cause; None for others.

    Raises:
        DeviceError: if the others cannot be found.
        PeerError: if one of them failed.
    """
    processes = _find(settings)
    try:
        yield processes
        processes.leave()
    except PeerError as error:
        if error.in_order:
            with suppress(PeerError):
                processes.leave()
        raise
    except BaseException as error:
        if processes.bulletin is not None and _is_lost_connection(error):
            raise processes.bulletin.failure(in_order=False) from error
        reason = explain(error)
        # Out of memory is met in the middle of a step, where the others wait for gradients.
        in_order = reason is not None and not isinstance(error, torch.OutOfMemoryError)
        with suppress(PeerError):  # the reason that is told is this one
            processes.fail(reason or (f"{type(error).__name__}: {error}", 1), in_order=in_order)
            if in_order:
                processes.leave()
        raise


def is_first_process() -> bool:
    """Whether this is the process that speaks, told before any other is known."""
    return os.environ.get("RANK", "0") == "0"  # torchrun's, not a setting


def _is_lost_connection(error: BaseException) -> bool:
    """Tell what exchanging gradients raises where the other side is gone; gloo has no type."""
    return isinstance(error, dist.DistError) or (
        isinstance(error, RuntimeError) and "gloo/transport" in str(error)
    )


def _find(settings: Settings) -> Processes:
    world_size = settings.train.world_size
    if world_size in (1, "auto"):
        return Processes()
    try:
        store, rank, world_size = next(rendezvous("env://", timeout=_ANSWER))
    except (ValueError, RuntimeError) as error:
        raise DeviceError(
            f"train.world_size is {settings.train.world_size} and the other processes cannot be "
            f"found ({error}); start with `torchrun --nproc-per-node="
            f"{settings.train.world_size} -m vsr_train …`"
        ) from error
    node = os.environ.get("GROUP_RANK", "0")  # torchrun's number of this machine
    bulletin = Bulletin(PrefixStore("vsr", store), node)
    return Processes(rank, world_size, dist.get_node_local_rank(fallback_rank=0), bulletin)
