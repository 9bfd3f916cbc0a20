"""Every section's code runs at toy size on the CPU, so that no card meets a typo."""

import json
import math
import signal
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from benchmarks.clocks import Clock
from card import training
from card.laws import laws
from card.place import TOY, Place
from card.plan import Deadline
from card.results import SectionFile
from card.sections import Runner, run_section, section
from card.shares import WAITS, Traffic, counted_waits
from torch.autograd import DeviceType

MARKED = '''
import pytest
import torch

pytestmark = pytest.mark.parametrize("where", ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])

def test_what_holds(where):
    """A law with a docstring, of
    two lines."""

def test_a_law_without_one(where):
    assert where == "cuda"
'''


@pytest.fixture
def clock():
    return Clock(tick=0.01)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """Where VGG16's file is made once."""
    return tmp_path_factory.mktemp("scratch")


@pytest.fixture
def place(scratch, clock):
    return Place(torch.device("cpu"), TOY, scratch, None, clock, "cpu")


@pytest.fixture
def ask(place, clock, tmp_path):
    """Run a section by name; return its file's content."""

    def run(name, seconds=1e6):
        file = SectionFile(tmp_path, name, place.facts())
        run_section(section(name), place, Deadline.after(seconds, clock), file)
        return json.loads(file.path.read_text())

    return run


def of_kind(content, kind):
    return [row for row in content["rows"] if row["kind"] == kind]


def test_the_memory_section_compares_every_peak_with_its_prediction(ask):
    content = ask("memory")
    assert content["status"] == "complete", content["reason"]
    assert not [row for row in content["rows"] if "reason" in row]
    steps = of_kind(content, "step")
    assert len(steps) == len(TOY.precisions) * len(TOY.recomputes)
    for row in (*steps, *of_kind(content, "limit")):
        assert 0 < row["allocated_mib"] <= row["reserved_mib"] <= row["predicted_reserved_mib"]
        assert row["finite"]
    for row in steps:  # of which the stand-in sees what the simulation knows, and the host's batch
        assert row["predicted_allocated_mib"] == pytest.approx(row["allocated_mib"], rel=0.25)
    assert [row["config"] for row in of_kind(content, "limit")] == ["p4", "p4-large"]
    assert all(row["within"] and "reason" not in row for row in of_kind(content, "limit"))
    assert all(math.isfinite(row["psnr"]) for row in of_kind(content, "limit"))
    assert math.isfinite(of_kind(content, "validation")[0]["psnr"])
    (saved,) = of_kind(content, "save")
    assert saved["bytes"] > 0
    assert saved["holds"]


def test_the_speed_section_times_every_contender_against_ours(ask):
    content = ask("speed")
    assert content["status"] == "complete", content["reason"]
    times = of_kind(content, "time")
    for precision in TOY.precisions:
        by_name = {row["contender"]: row for row in times if row["precision"] == precision}
        assert (
            by_name["backward alone, CUDA graph"]["reason"]
            == "RuntimeError: CUDA graphs need a card"
        )
        timed = {name: row for name, row in by_name.items() if "reason" not in row}
        assert len(timed) == len(by_name) - 1, by_name
        assert timed["ours"]["ratio"] == 1
        assert timed["old trainer"]["against"] == "unaligned"
        assert all(row["rounds"] == TOY.rounds and row["ratio"] > 0 for row in timed.values())
    assert all(
        row["of_matmul"] > 0 and row["of_bandwidth"] > 0 for row in of_kind(content, "share")
    )
    assert len(of_kind(content, "waits")) == len(TOY.precisions)


def test_the_film_section_has_frames_a_second_and_the_networks_share(ask):
    content = ask("film")
    assert content["status"] == "complete", content["reason"]
    (row,) = content["rows"]
    assert row["fps"] > 0
    assert row["share"] > 0


def test_the_training_section_is_a_real_run_with_its_curve(ask):
    content = ask("training")
    assert content["status"] == "complete", content["reason"]
    assert [row["step"] for row in of_kind(content, "validation")] == [4, 8]
    assert of_kind(content, "train")
    assert of_kind(content, "end")[0]["exit_code"] in (0, 5)


def test_a_training_run_that_is_stopped_when_its_time_is_up_is_whole(
    place, clock, tmp_path, monkeypatch
):
    toy, rows = training._toy, []
    monkeypatch.setattr(training, "_toy", lambda its: toy(its) | {"train.max_steps": "1000000"})

    def add(row):
        rows.append(row)
        if row["kind"] == "validation":
            signal.raise_signal(signal.SIGTERM)  # as the alarm does

    training.training(replace(place, scratch=tmp_path), Deadline.after(1e6, clock), add)
    assert rows[-1]["kind"] == "end"
    assert rows[-1]["exit_code"] == 0


@pytest.mark.parametrize(("native", "precision"), [(True, "bf16"), (False, "fp16")])
def test_a_card_trains_in_a_precision_that_it_has_and_times_none(tmp_path, native, precision):
    there = SimpleNamespace(preset="h100", data=None, has_natively=lambda _: native)
    options = training._full(there, tmp_path)
    assert options["train.amp_dtype"] == precision


def test_the_laws_section_has_a_row_for_every_law(place, clock, tmp_path):
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "test_made_up.py").write_text(MARKED)
    rows = []
    with pytest.raises(RuntimeError, match="1 laws do not hold: test_a_law_without_one"):
        laws(place, Deadline.after(1e6, clock), rows.append, tests)
    assert [(row["law"], row["outcome"]) for row in rows] == [
        ("A law with a docstring, of two lines.", "passed"),
        ("a law without one", "failed"),
    ]
    assert "cuda" in rows[1]["reason"]


def test_laws_for_which_no_time_is_left_are_rows(place, tmp_path):
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "test_made_up.py").write_text(MARKED)
    rows, over = [], Deadline.after(0, Clock())
    laws(place, over, rows.append, tests)
    assert [row["left_out"] for row in rows] == ["no time was left"] * 2


def test_a_file_of_laws_that_cannot_be_read_is_a_reason(place, clock, tmp_path):
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "test_made_up.py").write_text("import nothing_of_that_name\n")
    with pytest.raises(RuntimeError, match="nothing_of_that_name"):
        laws(place, Deadline.after(1e6, clock), print, tests)


@pytest.mark.parametrize("name", ["memory", "speed", "film"])
def test_when_the_time_is_up_what_is_left_is_named_and_nothing_begun(ask, name):
    content = ask(name, seconds=0)
    assert content["status"] == "out of time"
    assert all("left_out" in row or row["kind"] in ("matmul", "copy") for row in content["rows"])


def test_a_section_that_fails_leaves_its_rows_and_the_reason(tmp_path, clock):
    file = SectionFile(tmp_path, "memory")

    def fails(place, deadline, add):
        add({"kind": "step", "found": 1})
        raise RuntimeError("CUDA error:\nan illegal memory access")

    run_section(fails, None, Deadline.after(1, clock), file)
    content = json.loads(file.path.read_text())
    assert content["status"] == "failed"
    assert content["reason"] == "RuntimeError: CUDA error: an illegal memory access"
    assert content["rows"][0] == {"kind": "step", "found": 1}


def test_what_failed_first_is_in_the_reason(tmp_path, clock):
    file = SectionFile(tmp_path, "speed")

    def fails(place, deadline, add):
        try:
            raise ValueError("the cause")
        finally:
            raise RuntimeError("the capture ended")

    run_section(fails, None, Deadline.after(1, clock), file)
    assert file.content["reason"] == "RuntimeError: the capture ended; first ValueError: the cause"


def test_a_place_that_cannot_be_had_is_the_sections_reason(tmp_path, clock):
    def none(*_):
        raise RuntimeError("there is no CUDA device")

    Runner("cuda", tmp_path, None, clock, place_on=none)("memory", 5)
    content = json.loads((tmp_path / "memory.json").read_text())
    found = content["status"], content["reason"]
    assert found == ("failed", "RuntimeError: there is no CUDA device")


def test_what_one_section_needs_and_a_machine_lacks_is_its_reason_alone(
    tmp_path, clock, place, monkeypatch
):
    monkeypatch.setitem(sys.modules, "card.film", None)
    run = Runner("cpu", tmp_path, None, clock, place_on=lambda *_: place)
    run("film", 5)
    content = json.loads((tmp_path / "film.json").read_text())
    assert content["status"] == "failed"
    assert "card.film" in content["reason"]


def test_a_wait_counts_where_it_is_the_hosts_and_within_the_step():
    def event(name, start, end, device=DeviceType.CPU):
        when = SimpleNamespace(start=start, end=end)
        return SimpleNamespace(name=name, time_range=when, device_type=device)

    wait = "cudaStreamSynchronize"
    events = [
        event("one step", 10, 20), event(wait, 5, 6), event(wait, 12, 13), event(wait, 21, 22),
        event(wait, 14, 15, DeviceType.CUDA), event("aten::_local_scalar_dense", 12, 13),
    ]  # fmt: skip
    found = counted_waits(events, WAITS)
    assert found == {"waits": 1, "found": {wait: 1, "aten::_local_scalar_dense": 1}}


def test_traffic_is_what_operators_read_and_write_views_apart():
    numbers = torch.ones(10)
    with Traffic() as traffic:
        numbers.view(2, 5)
        numbers + numbers
    assert traffic.bytes == 80
