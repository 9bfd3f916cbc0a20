"""Precision and memory format are timed where settings leave them open, and kept once chosen."""

import json

import pytest
import torch
from torch.distributed import HashStore

from vsr_device import PeerError, Processes, choose_platform
from vsr_device.bulletin import Bulletin
from vsr_losses import HybridLoss
from vsr_settings import Hardware, Settings, Train, loads, to_toml
from vsr_train.rehearsal import Card, Timing, Way, choose_way
from vsr_train.rehearsal.choosing import open_ways
from vsr_train.rehearsal.timing import TIMED, fastest, time_way, time_ways

UNTIMED = Way("fp16", "contiguous")
PRECISIONS = ("fp32", "fp16", "bf16")
FP32 = Way("fp32", "contiguous")


def settings_with(tmp_path, *, order=None, preset="rtx-3060", **train):
    found = Settings(hardware=Hardware(preset=preset, memory_format=order), train=Train(**train))
    data = found.data.model_copy(update={"cache_dir": str(tmp_path / "cache")})
    return found.model_copy(update={"data": data})


@pytest.fixture
def settings(tmp_path):
    """Settings of a small step, which leave precision and memory format open."""
    found = settings_with(tmp_path)
    model = found.model.model_copy(update={"n_feats": 4, "n_blocks": 2, "recompute": "none"})
    return found.model_copy(update={"model": model})


class Stand:
    """A card whose timings are made up: seconds by way, or what is raised instead."""

    def __init__(self, seconds=None, *, name="a card", precisions=PRECISIONS):
        self.seconds = seconds or {}
        self.tried = []
        self.card = Card({"name": name}, precisions, self._trial)

    def _trial(self, way, best):
        self.tried.append(way)
        found = self.seconds.get(way, 9.0)
        if isinstance(found, Exception):
            raise found
        return found


def test_the_fastest_way_that_fits_is_taken_and_it_is_said_by_how_much(settings):
    stand = Stand({FP32: 1.0, Way("fp16", "channels_last"): 1.5})
    choice = choose_way(settings, UNTIMED, stand.card)
    assert choice.way == FP32
    assert "takes fp32 contiguous, 1 s" in choice.notes[0]
    assert "1.50 times as fast as fp16 channels last" in choice.notes[0]
    assert stand.tried[0] == UNTIMED
    assert len(stand.tried) == len(choice.timings) == 6


def test_a_way_that_runs_out_of_memory_or_fails_is_a_row_with_its_reason(settings):
    failing = {
        UNTIMED: torch.OutOfMemoryError("CUDA out of memory"),
        FP32: RuntimeError("CUDNN_STATUS_NOT_SUPPORTED\nmore"),
        Way("bf16", "channels_last"): 0.5,
    }
    choice = choose_way(settings, UNTIMED, Stand(failing).card)
    reasons = {each.way: each.reason for each in choice.timings}
    assert choice.way == Way("bf16", "channels_last")
    assert reasons[UNTIMED] == "ran out of memory"
    assert reasons[FP32] == "failed: RuntimeError: CUDNN_STATUS_NOT_SUPPORTED"
    assert json.loads(json.dumps(choice.as_dict()))["way"]["precision"] == "bf16"


def test_where_no_way_can_be_timed_the_run_goes_the_untimed_way(settings):
    every = open_ways(settings, UNTIMED, Stand().card)
    stand = Stand({way: RuntimeError("a sticky error") for way in every})
    choice = choose_way(settings, UNTIMED, stand.card)
    assert choice.way == UNTIMED
    assert "no way of computing could be timed" in choice.notes[0]
    assert choose_way(settings, UNTIMED, Stand({FP32: 1.0}).card).way == FP32  # not remembered


def test_a_way_that_is_predicted_not_to_fit_is_not_tried(tmp_path):
    settings = settings_with(tmp_path, preset="tesla-p4")
    model = settings.model.model_copy(update={"n_feats": 128, "n_blocks": 36, "recompute": "none"})
    large = settings.model_copy(update={"model": model})  # 6.7 GiB in fp16, 12.6 in fp32
    stand = Stand(precisions=("fp32", "fp16"))
    choice = choose_way(large, UNTIMED, stand.card)
    assert {way.precision for way in stand.tried} == {"fp16"}
    assert all("MiB of 7061" in each.reason for each in choice.timings if each.way == FP32)
    hardware = large.hardware.model_copy(update={"allow_over_budget": True})
    anyhow = Stand(precisions=("fp32", "fp16"))
    choose_way(large.model_copy(update={"hardware": hardware}), UNTIMED, anyhow.card)
    assert {way.precision for way in anyhow.tried} == {"fp32", "fp16"}


@pytest.mark.parametrize(
    "written", [{"use_amp": False}, {"amp_dtype": "fp16"}, {"deterministic": True}]
)
def test_what_is_written_is_not_timed(tmp_path, written):
    stand = Stand()
    choice = choose_way(settings_with(tmp_path, **written), UNTIMED, stand.card)
    assert choice.way == UNTIMED
    assert not stand.tried


def test_without_a_card_nothing_is_timed(settings):
    choice = choose_way(settings, UNTIMED, None, recorded=FP32, goes_on=True)
    assert choice.way == UNTIMED
    assert not choice.notes


def test_a_memory_format_that_is_written_is_kept(tmp_path):
    settings = settings_with(tmp_path, order="channels_last")
    ways = open_ways(settings, Way("fp16", "channels_last"), Stand().card)
    assert {way.memory_format for way in ways} == {"channels_last"}
    assert len(ways) == 3


def test_a_memory_format_that_nobody_wrote_stays_open_in_a_stored_run(settings):
    again = loads(to_toml(settings))
    assert again.hardware.memory_format is None


def test_timings_are_remembered_for_a_card_and_settings(settings):
    first = choose_way(settings, UNTIMED, Stand({FP32: 1.0}).card)
    same = Stand({UNTIMED: 0.1})
    again = choose_way(settings, UNTIMED, same.card)
    assert (again.way, again.timings) == (first.way, first.timings)
    assert not same.tried
    assert again.notes[0].endswith("(timed before, on this card and with such settings)")
    for other, its in (
        (settings, Stand(name="another")),
        (settings, Stand(precisions=("fp32", "fp16"))),
        (patched(settings), Stand()),
    ):
        choose_way(other, UNTIMED, its.card)
        assert its.tried


def patched(settings):
    return settings.model_copy(update={"data": settings.data.model_copy(update={"patch": 32})})


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff", b'{"version": 1}', b"[" * 100_000, None],
    ids=["empty", "cut", "list", "null", "bytes", "bare", "deep", "changed"],
)
def test_a_damaged_memory_is_as_none(settings, tmp_path, content):
    choose_way(settings, UNTIMED, Stand({FP32: 1.0}).card)
    (file,) = (tmp_path / "cache").glob("timings-*.json")
    whole = json.loads(file.read_text())
    if content is None:
        whole["timings"][0]["seconds"] = -1.0
        content = json.dumps(whole).encode()
    file.write_bytes(content)
    stand = Stand({Way("bf16", "contiguous"): 1.0})
    assert choose_way(settings, UNTIMED, stand.card).way == Way("bf16", "contiguous")
    assert stand.tried
    assert json.loads(file.read_text())["key"] == whole["key"]


def test_a_memory_that_cannot_be_kept_is_passed_over(settings, tmp_path):
    (tmp_path / "cache").write_text("a file where a folder should be")
    assert choose_way(settings, UNTIMED, Stand({FP32: 1.0}).card).way == FP32


def test_a_run_that_goes_on_stays_with_its_way_whatever_is_remembered(settings):
    choose_way(settings, UNTIMED, Stand({FP32: 1.0}).card)
    bf16 = Way("bf16", "channels_last")
    stand = Stand()
    choice = choose_way(settings, UNTIMED, stand.card, recorded=bf16, goes_on=True)
    assert choice.way == bf16
    assert choose_way(settings, UNTIMED, stand.card, goes_on=True).way == UNTIMED  # from before
    emulated = Stand(precisions=("fp32", "fp16"))
    elsewhere = choose_way(settings, UNTIMED, emulated.card, recorded=bf16, goes_on=True)
    assert elsewhere.way == UNTIMED
    assert not stand.tried
    assert not emulated.tried


def test_a_run_that_goes_on_deterministically_stays_with_its_way_too(tmp_path):
    settings = settings_with(tmp_path, deterministic=True)
    choice = choose_way(settings, UNTIMED, Stand().card, recorded=FP32, goes_on=True)
    assert choice.way == FP32


@pytest.mark.parametrize("stored", [{}, {"precision": "fp8", "memory_format": "contiguous"}])
def test_what_is_no_way_is_none(stored):
    assert Way.from_text(stored) is None


def test_of_ways_that_are_alike_the_first_is_taken(settings):
    ways = open_ways(settings, UNTIMED, Stand().card)
    timings = time_ways(settings, ways, lambda way, best: 1.0)
    assert fastest(timings).way == UNTIMED
    assert fastest([Timing(FP32, None, "ran out of memory")]) is None


@pytest.mark.parametrize(("best", "steps"), [(None, 1 + TIMED), (1.0, 1 + TIMED), (0.5, 2)])
def test_a_way_is_timed_for_a_few_steps_and_a_hopeless_one_for_one(settings_of, best, steps):
    """After one to warm up; by a clock that moves by a second and a half whenever it is asked."""
    settings = settings_of(train__accumulation_steps=3)
    asked = []

    def clock():
        asked.append(None)
        return 1.5 * len(asked)

    loss = HybridLoss(settings.loss)
    way = Way("fp32", "channels_last")
    seconds = time_way(settings, choose_platform(settings), loss, way, best, clock)
    assert seconds == pytest.approx(1.5)
    assert len(asked) == 2 * steps


def test_several_processes_take_what_the_first_decides():
    def never():
        raise AssertionError

    bulletin = Bulletin(HashStore(), "a machine")
    first, second = (Processes(rank, 2, rank, bulletin) for rank in (0, 1))
    assert first.decided_by_first("precision", lambda: "bf16") == "bf16"
    assert second.decided_by_first("precision", never) == "bf16"
    bulletin.post_failure(0, ("out of memory", 4))
    with pytest.raises(PeerError, match="out of memory"):
        second.decided_by_first("another thing", never)
