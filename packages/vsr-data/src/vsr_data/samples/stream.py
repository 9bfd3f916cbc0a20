"""Whole optimiser steps of samples, cut in this process or in workers.

Invariant: what an optimiser step sees is a function of (seed, step) alone; the split into ranks,
micro-batches and samples, the workers and the place where a run was resumed only decide who cuts
what.

Workers send arrays through their pipe, not tensors through shared memory: a small /dev/shm cannot
fill up, and a run interrupted while it receives a batch leaves no worker to complain about it.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from vsr_data.errors import DataError
from vsr_data.footage.clip import Footage
from vsr_data.footage.degraded_clip import renewed
from vsr_data.samples.cutting import Arrays, Cutter, Key, stack
from vsr_data.samples.workers import end_workers, interrupts_held, start_worker

PREFETCH: Final = 2  # micro-batches that each worker keeps ready at least

Sample = tuple[Tensor, Tensor]


class TrainingStream:
    """Augmented crops of footage, in an order that only the seed decides.

    Args:
        footage: the clips.
        n_frames: frames of a window.
        scale: enlargement of each side.
        patch: side of a low-resolution crop, in pixels.
        seed: decides windows, crops and augmentation; at least 0, under 2⁶³.
        batch_size: samples of a micro-batch.
        accumulation_steps: micro-batches of an optimiser step, on each rank.
        rank: this process's number among `world_size`.
        world_size: processes that share an optimiser step.
        workers: processes that cut crops; 0 cuts them here.
        pin_memory: put batches in page-locked memory; ignored where there is no CUDA.

    Raises:
        DataError: there is no clip, or one that is smaller than a patch.
        ValueError: a number is out of its range.
    """

    def __init__(
        self,
        footage: Footage,
        *,
        n_frames: int,
        scale: int,
        patch: int,
        seed: int,
        batch_size: int,
        accumulation_steps: int,
        rank: int = 0,
        world_size: int = 1,
        workers: int = 0,
        pin_memory: bool = False,
    ) -> None:
        if min(batch_size, accumulation_steps, world_size, n_frames, scale, patch) < 1:
            raise ValueError("sizes and counts of a stream must be at least 1")
        if not 0 <= rank < world_size or workers < 0 or not 0 <= seed < 1 << 63:
            raise ValueError(f"rank {rank} of {world_size}, workers {workers} or seed {seed}")
        self.effective_batch = batch_size * accumulation_steps * world_size
        footage = renewed(footage, seed, self.effective_batch)
        self._cutter = Cutter(footage, n_frames, scale, patch, seed, samples=self.effective_batch)
        self._batch_size = batch_size
        self._accumulation_steps = accumulation_steps
        self._rank = rank
        self._world_size = world_size
        self._workers = workers
        self._pin_memory = pin_memory and torch.cuda.is_available()

    def sample(self, step: int, index: int) -> Sample:
        """One sample of a step.

        Args:
            step: the optimiser step, from 0.
            index: the sample's place in the effective batch.

        Returns:
            `lq_TCHW` and `gt_CHW`, uint8.

        Raises:
            DataError: its file has been deleted or damaged.
        """
        self._check(step, index)
        lq_TCHW, gt_CHW = self._cutter.cut((step, index))
        return torch.from_numpy(lq_TCHW), torch.from_numpy(gt_CHW)

    @property
    def is_degraded(self) -> bool:
        """Whether low-resolution frames are more than reduced, so that they need not be clean."""
        return self._cutter.is_degraded

    @property
    def aside(self) -> frozenset[int]:
        """Numbers of the windows that no sample is cut from any more.

        With the seed they decide what a step sees. Change them between iterations: workers that
        run know nothing of it.
        """
        return self._cutter.aside

    @aside.setter
    def aside(self, numbers: frozenset[int]) -> None:
        self._cutter.aside = numbers

    def window(self, step: int, index: int) -> int:
        """The number of the window that a sample is cut from."""
        self._check(step, index)
        return self._cutter.window((step, index))

    def set_aside(self, numbers: Iterable[int]) -> None:
        """Set windows aside, lowest number first, but never the last one left."""
        self._cutter.set_aside(numbers)

    def origin(self, step: int, index: int) -> str:
        """The file, frame and place that a sample is cut from."""
        self._check(step, index)
        return self._cutter.origin((step, index))

    def steps(self, start_step: int, stop_step: int) -> Iterator[list[Sample]]:
        """This rank's share of steps from `start_step` up to, not including, `stop_step`.

        Workers cut ahead: at least the next step is being made while one is learnt from.

        Yields:
            The micro-batches of one step, `accumulation_steps` of `lq_BTCHW` and `gt_BCHW`, uint8.

        Raises:
            DataError: a file has been deleted or damaged, or a worker process died.
        """
        iterator = self._start(start_step, stop_step)
        try:
            for _ in range(start_step, stop_step):
                yield [self._next(iterator) for _ in range(self._accumulation_steps)]
        finally:
            end_workers(iterator)

    def _start(self, start_step: int, stop_step: int) -> Iterator[Arrays | DataError]:
        ahead = max(PREFETCH, -(-self._accumulation_steps // max(1, self._workers)))
        loader: DataLoader[Arrays | DataError] = DataLoader(
            self._cutter,
            batch_sampler=self._keys(start_step, stop_step),
            num_workers=self._workers,
            collate_fn=stack,
            worker_init_fn=start_worker,
            prefetch_factor=ahead if self._workers else None,
            generator=torch.Generator(),  # else iterating would draw from the global one
        )
        with interrupts_held():  # workers inherit this, so that Ctrl-C reaches the parent alone
            return iter(loader)

    def _next(self, iterator: Iterator[Arrays | DataError]) -> Sample:
        try:
            batch = next(iterator)
        except RuntimeError as error:
            if "DataLoader worker" not in str(error):
                raise
            raise DataError(
                f"a process that cuts training clips died ({str(error).splitlines()[0]}); memory "
                "may be full: lower data.workers, or set it to 0"
            ) from error
        if isinstance(batch, DataError):
            raise batch
        lq_BTCHW, gt_BCHW = (torch.from_numpy(pixels) for pixels in batch)
        if self._pin_memory:
            return lq_BTCHW.pin_memory(), gt_BCHW.pin_memory()
        return lq_BTCHW, gt_BCHW

    def _keys(self, start_step: int, stop_step: int) -> Iterator[list[Key]]:
        for step in range(start_step, stop_step):
            for micro_batch in range(self._accumulation_steps):
                first = (micro_batch * self._world_size + self._rank) * self._batch_size
                yield [(step, first + i) for i in range(self._batch_size)]

    def _check(self, step: int, index: int) -> None:
        if step < 0 or not 0 <= index < self.effective_batch:
            raise ValueError(f"no sample {index} of {self.effective_batch} in step {step}")
