"""What processes exchange between steps gives each of them what a single process would have."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.distributed as dist
from train.circle import Circle
from train.test_watch_incidents import NaNWhereBright, Scene
from train.watch_runs import CPU, ForcedLoss

from vsr_data import Clip, Footage, open_validation
from vsr_device import DeviceError, PeerError, Platform, Processes, choose_platform
from vsr_device.bulletin import Bulletin
from vsr_model import Network
from vsr_train.joining import join_others
from vsr_train.step import StepClock, StepResult
from vsr_train.validation import Validator

FP16 = Platform(torch.device("cpu"), torch.float16, torch.contiguous_format)


class _Repeated(Clip):
    """Another clip's windows, so many times, under another name."""

    def __init__(self, clip, name, windows):
        self.name, self.source, self.windows = name, clip.source, windows
        self.lq_size, self.gt_size = clip.lq_size, clip.gt_size
        self._clip = clip

    def window(self, i):
        lq, gt = self._clip.window(0)
        return lq, gt + i  # uint8 wraps around: every window is another picture

    def origin(self, i):
        return f"{self.name} window {i}"


@pytest.fixture
def validated(settings_of):
    """Validate one network with some processes; return what each of them found."""
    settings = settings_of()
    clips = open_validation(settings.data, settings.model).clips
    counts = [3, 1, 2] + [1] * 7
    footage = Footage(
        tuple(_Repeated(clips[n % 2], f"clip {n}", windows) for n, windows in enumerate(counts))
    )
    torch.manual_seed(5)
    network = Network(settings.model).eval()
    torch.nn.init.normal_(network.upsample[2].weight, std=0.02)
    platform = choose_platform(settings)

    def measure(processes):
        return Validator(footage, settings, platform, None, processes).measure(network)

    return measure


def test_a_validation_shared_by_processes_finds_what_one_process_finds_to_the_bit(validated):
    alone = validated(Processes())
    for world_size in (2, 3):
        first, *others = Circle(world_size).run(validated)
        for each in (first, *others):
            assert each.mean == alone.mean
            assert each.sources == alone.sources
            assert list(each.sources) == list(alone.sources)
        assert [c.name for c in first.comparisons] == [c.name for c in alone.comparisons]
        for ours, theirs in zip(first.comparisons, alone.comparisons, strict=True):
            assert torch.equal(ours.sr_CHW, theirs.sr_CHW)
            assert torch.equal(ours.gt_CHW, theirs.gt_CHW)
        assert not any(each.comparisons for each in others)


def scene_with_two_bright_samples():
    """Three steps, of which some samples are not a number; all later ones are finite."""
    scene = Scene(ForcedLoss({"l1": 1.0, "perceptual": 0.1}, NaNWhereBright()))
    means = [
        float(scene.stream.sample(step, i)[1].float().mean()) / 255
        for step in range(3)
        for i in range(4)
    ]
    scene.loss.perceptual.limit = sorted(means)[-3]
    for _ in range(3):
        scene.step()
    return scene


def test_every_process_sets_the_windows_aside_that_a_single_one_would():
    alone = scene_with_two_bright_samples()
    lines = alone.watch.examine_incidents(alone.stream)
    assert len(alone.stream.aside) >= 1

    def examine(processes):
        scene = scene_with_two_bright_samples()
        return scene.watch.examine_incidents(scene.stream, processes), scene.stream.aside

    for world_size in (2, 3):
        assert Circle(world_size).run(examine) == [(lines, alone.stream.aside)] * world_size


def test_a_step_that_was_not_finite_in_one_process_is_an_incident_of_all():
    """In fp16 a gradient may overflow by design: only who cut the sample sees that the loss did."""
    flawed = torch.full((5,), float("nan"))
    grad_norm = torch.tensor(float("inf"))

    def examine(processes):
        scene = Scene(platform=FP16)
        terms = flawed if processes.rank == 1 else torch.ones(5)
        result = StepResult(terms, grad_norm, torch.ones(()), scaled=True)
        scene.watch._incidents.count(1, result)
        return scene.watch.examine_incidents(scene.stream, processes), scene.watch._incidents.total

    (one, ones), (other, others) = Circle(2).run(examine)
    assert one == other
    assert "step 1 was not finite" in one[0]
    assert (ones, others) == (1, 1)


def test_steps_of_one_row_are_examined_as_they_were_cut_whatever_the_first_sets_aside():
    scene = scene_with_two_bright_samples()
    culprits = {
        scene.stream.window(step, i)
        for step in range(3)
        for i in range(4)
        if scene.stream.sample(step, i)[1].float().mean() / 255 > scene.loss.perceptual.limit
    }
    assert culprits
    lines = scene.watch.examine_incidents(scene.stream)
    assert not any("finite with the weights now" in line for line in lines)
    assert scene.stream.aside == culprits


def test_an_incident_that_is_not_examined_yet_survives_a_checkpoint():
    scene = scene_with_two_bright_samples()
    stored = (scene.watch.share_incidents(), scene.watch.state_dict())[1]
    resumed = Scene(scene.loss)
    resumed.watch.load_state_dict(stored)
    lines = scene.watch.examine_incidents(scene.stream)
    assert resumed.watch.examine_incidents(resumed.stream) == lines


def test_a_network_that_breaks_on_every_sample_sets_none_aside():
    scene = Scene(ForcedLoss({"l1": 1.0}, scale=float("nan")))
    scene.step()
    (line,) = scene.watch.examine_incidents(scene.stream)
    assert "for every sample" in line
    assert scene.stream.aside == frozenset()


def test_a_row_of_the_log_averages_over_processes_the_steps_that_were_finite_in_all():
    """As one process does, in which a step's loss is that of all samples together."""

    def fetch(processes):
        clock = StepClock()
        for value in (1.0, float("nan") if processes.rank == 1 else 100.0, 3.0):
            terms = torch.full((5,), value + processes.rank)
            clock.add(StepResult(terms, torch.tensor(2.0), torch.zeros(())))
        return clock.fetch(processes)

    for interval in Circle(3).run(fetch):
        assert interval.terms == [3.0] * 5
        assert interval.grad_norm == 2.0


def test_only_local_process_0_prepares_at_first_and_the_others_wait_for_it():
    store, prepared = dist.HashStore(), []

    def prepare(local_rank):
        bulletin = Bulletin(store, "0")
        with Processes(local_rank, 3, local_rank, bulletin).first_on_node("frames"):
            if local_rank == 0:
                time.sleep(0.5)
            prepared.append(local_rank)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(prepare, [2, 1, 0]))
    assert prepared[0] == 0
    assert sorted(prepared) == [0, 1, 2]


def test_who_waits_for_a_process_that_failed_ends_with_its_reason_and_exit_code():
    store = dist.HashStore()
    waiting = Processes(1, 2, 1, Bulletin(store, "0"))
    failing = Processes(0, 2, 0, Bulletin(store, "0"))
    failing.fail(("film.mp4 is damaged", 3), in_order=True)
    failing.fail(("a later reason", 4), in_order=True)
    told = pytest.raises(PeerError, match="^process 0: film.mp4 is damaged$")
    with told as raised, waiting.first_on_node("frames"):
        pytest.fail("it did not wait")
    assert raised.value.exit_code == 3
    with pytest.raises(PeerError, match="process 0"):
        waiting.join(CPU)


def test_processes_with_other_settings_or_footage_are_refused(settings_of):
    from vsr_train import RunError

    footage = open_validation(settings_of().data, settings_of().model)
    less = Footage(footage.clips[:1])
    platform = choose_platform(settings_of())

    def outcome(seeds, footages):
        def join(processes):
            object.__setattr__(processes, "join", lambda platform: None)
            with pytest.raises(RunError) as raised:
                join_others(
                    processes,
                    platform,
                    settings_of(train__seed=seeds[processes.rank]),
                    [footages[processes.rank]],
                    None,
                )
            return str(raised.value)

        one, other = Circle(2).run(join)
        assert one == other
        return one

    assert "process 1 has other settings" in outcome((1, 2), (footage, footage))
    assert "process 1 has other footage" in outcome((1, 1), (footage, less))


def test_one_card_for_several_processes_is_refused(settings_of):
    settings = settings_of()
    several = settings.model_copy(
        update={
            "run": settings.run.model_copy(update={"device": "cuda:1"}),
            "train": settings.train.model_copy(update={"world_size": 2}),
        }
    )
    with pytest.raises(DeviceError, match="run.device is 'cuda:1', one card for several processes"):
        choose_platform(several)
