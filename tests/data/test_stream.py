"""Micro-batches: the same samples however the work is split, and processes that go away."""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from data.makers import NoiseClip, noise_footage
from hypothesis import given
from hypothesis import strategies as st

from vsr_data import (
    DataError,
    Footage,
    TrainingStream,
    resolve_workers,
    validation_places,
    validation_windows,
)
from vsr_data.samples.workers import cores

FOOTAGE = noise_footage()
EFFECTIVE = 12

HANG_S = 120
"""Seconds after which a process counts as hung: a guard against waiting for ever, no timing, so
long that the busiest machine does not come near it."""


def stream(footage: Footage = FOOTAGE, **changes) -> TrainingStream:
    values = {"patch": 8, "seed": 7, "batch_size": 4, "accumulation_steps": 3, **changes}
    return TrainingStream(footage, n_frames=5, scale=3, **values)


def samples(steps) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return [pair for step in steps for lq, gt in step for pair in zip(lq, gt, strict=True)]


def same(one, other) -> bool:
    return len(one) == len(other) and all(
        torch.equal(a, b)
        for x, y in zip(one, other, strict=True)
        for a, b in zip(x, y, strict=True)
    )


def gone() -> bool:
    for process in multiprocessing.active_children():
        process.join(HANG_S)
    return not multiprocessing.active_children()


@given(
    st.sampled_from(
        [
            (b, a, w)
            for b in (1, 2, 3, 4, 6, 12)
            for a in (1, 2, 3, 4, 6, 12)
            for w in (1, 2, 3)
            if a * b * w == EFFECTIVE
        ]
    )
)
def test_the_split_of_a_step_does_not_change_its_samples(split):
    batch_size, accumulation_steps, world_size = split
    ranks = [
        stream(
            batch_size=batch_size,
            accumulation_steps=accumulation_steps,
            rank=rank,
            world_size=world_size,
        ).steps(5, 6)
        for rank in range(world_size)
    ]
    (shares,) = zip(*ranks, strict=True)  # of one step, one a rank
    assert all(len(share) == accumulation_steps for share in shares)
    micro_batches = [batch for together in zip(*shares, strict=True) for batch in together]
    assert same(samples([micro_batches]), [stream().sample(5, i) for i in range(EFFECTIVE)])


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_workers_and_resuming_change_nothing(workers):
    if workers > cores():
        pytest.skip("fewer cores than workers")
    whole = samples(stream().steps(0, 4))
    resumed = samples(stream(workers=workers).steps(2, 4))
    assert same(whole[2 * EFFECTIVE :], resumed)
    assert gone()


def test_iterating_leaves_the_global_random_numbers_alone():
    before = torch.get_rng_state()
    list(stream(workers=1).steps(0, 1))
    list(stream().steps(0, 1))
    assert torch.equal(before, torch.get_rng_state())


def test_the_next_step_is_cut_while_one_is_learnt_from():
    cuts = multiprocessing.Semaphore(0)

    class CountedClip(NoiseClip):
        def window(self, i):
            cuts.release()
            return super().window(i)

    footage = Footage((CountedClip("a", 5, 12, 12, scale=3, n_frames=5),))
    steps = stream(footage, workers=1, batch_size=1, accumulation_steps=7).steps(0, 1000)
    next(steps)
    assert all(cuts.acquire(timeout=HANG_S) for _ in range(14))
    steps.close()
    assert gone()


def test_an_abandoned_iterator_leaves_no_process():
    steps = stream(workers=1).steps(0, 1000)
    next(steps)
    assert multiprocessing.active_children()
    del steps
    assert gone()


def test_interrupts_are_delivered_again_once_workers_run():
    steps = stream(workers=1).steps(0, 10)
    next(steps)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    steps.close()


SCRIPT = """
import sys
from data.makers import noise_footage
from vsr_data import TrainingStream
stream = TrainingStream(noise_footage(), n_frames=5, scale=3, patch=8, seed=0, batch_size=1,
                        accumulation_steps=1, workers=1)
try:
    for i, _ in enumerate(stream.steps(0, 10**9)):
        if i == 5:
            print("running", flush=True)
except KeyboardInterrupt:
    print("stopped", flush=True)
"""


def test_an_interrupt_reaches_the_parent_alone():
    places = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places))}
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=environment,
    ) as process:
        assert process.stdout.readline() == "running\n"
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to every process
        out, err = process.communicate(timeout=HANG_S)
    assert (out, err, process.returncode) == ("stopped\n", "", 0)


class BrokenClip(NoiseClip):
    def window(self, i):
        raise DataError("picture 'x.png' is no longer usable")


class DeadlyClip(NoiseClip):
    def window(self, i):
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_file_that_breaks_later_is_one_clean_message(workers):
    footage = Footage((BrokenClip("a", 5, 12, 12, scale=3, n_frames=5),))
    with pytest.raises(DataError) as caught:
        list(stream(footage, workers=workers).steps(0, 1))
    assert str(caught.value) == "picture 'x.png' is no longer usable"
    assert gone()


def test_a_worker_that_dies_is_a_message_with_a_remedy():
    footage = Footage((DeadlyClip("a", 5, 12, 12, scale=3, n_frames=5),))
    with pytest.raises(DataError, match=r"lower data\.workers"):
        list(stream(footage, workers=1).steps(0, 1))
    assert gone()


def test_what_cannot_be_cut_is_refused_before_the_first_step():
    with pytest.raises(DataError, match="no clips"):
        stream(Footage(()))
    with pytest.raises(DataError, match=r"'a' are 20×14; a patch needs 15×15; lower data\.patch"):
        stream(patch=15)
    with pytest.raises(ValueError, match="at least 1"):
        stream(batch_size=0)
    with pytest.raises(ValueError, match="rank 1 of 1"):
        stream(rank=1)
    with pytest.raises(ValueError, match="scale 2"):
        TrainingStream(
            FOOTAGE, n_frames=5, scale=2, patch=8, seed=0, batch_size=1, accumulation_steps=1
        )


def test_workers_are_capped_to_the_cores_and_none_compete_with_the_cpu():
    assert resolve_workers(10_000, on_accelerator=True) == cores()
    assert resolve_workers(0, on_accelerator=True) == 0
    assert resolve_workers("auto", on_accelerator=False) == 0
    assert resolve_workers("auto", on_accelerator=True) == min(4, cores() - 1)


def test_validation_sees_whole_frames_of_every_clip():
    seen = list(validation_windows(FOOTAGE, 2))
    assert [(clip.name, i) for clip, i, _, _ in seen] == [
        ("a", 0), ("bb", 0), ("bb", 4), ("ccc", 0), ("ccc", 1)
    ]  # fmt: skip
    for clip, i, lq_TCHW, gt_CHW in seen:
        lq_THWC, gt_HWC = clip.window(i)
        assert torch.equal(lq_TCHW.permute(0, 2, 3, 1), torch.from_numpy(lq_THWC))
        assert torch.equal(gt_CHW.permute(1, 2, 0), torch.from_numpy(gt_HWC))


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=60), st.integers(1, 12), st.integers(1, 90)
)
def test_validation_sees_at_most_so_many_windows_and_every_clip_while_it_can(
    counts, per_clip, most
):
    clips = [SimpleNamespace(windows=count) for count in counts]
    places = validation_places(clips, per_clip, most)
    assert len(places) <= most
    assert places == sorted(set(places))
    assert all(i < counts[clip] for clip, i in places)
    seen = Counter(clip for clip, _ in places)
    assert len(seen) == min(len(clips), most)
    assert max(seen.values()) <= per_clip
    unlimited = validation_places(clips, per_clip)
    if len(unlimited) <= most:
        assert places == unlimited
