"""A card's minutes are kept to, whatever becomes of a section, and each leaves its file."""

import json
import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from types import SimpleNamespace

import pytest
from benchmarks.clocks import Clock
from card.plan import (
    MARGIN_S,
    NOT_INITIALIZED,
    SHARES,
    Deadline,
    in_processes,
    run_all,
    start_method,
)
from card.results import SectionFile, strict, write_json


def complete(folder, name, rows=1):
    file = SectionFile(folder, name, {"kind": "cpu"})
    for number in range(rows):
        file.add({"number": number})
    file.end("complete")


def summary(folder):
    return json.loads((folder / "summary.json").read_text())


@pytest.mark.parametrize("used", [0.0, 0.5, 1.0])
def test_all_ends_in_time_however_much_of_its_time_a_section_uses(tmp_path, used):
    clock, given = Clock(), {}

    def launch(name, seconds):
        given[name] = seconds
        clock.pass_by(used * seconds)
        complete(tmp_path, name)

    assert run_all(tmp_path, 9, launch, clock, say=lambda _: None)
    assert clock.seconds - 100 <= 9 * 60 - MARGIN_S + 1e-6
    assert list(given) == list(SHARES)
    whole = 9 * 60 - MARGIN_S
    assert all(given[name] >= SHARES[name] * whole - 1e-6 for name in SHARES)
    assert (clock.seconds - 100 == pytest.approx(whole)) == (used == 1)


def test_what_a_section_leaves_goes_to_those_after_it(tmp_path):
    clock, given = Clock(), []

    def launch(name, seconds):
        given.append(seconds)
        complete(tmp_path, name)

    run_all(tmp_path, 9, launch, clock, say=lambda _: None)
    assert given[-1] == pytest.approx(9 * 60 - MARGIN_S)


def test_a_section_that_is_late_fails_or_dies_leaves_the_reason_and_the_rest_goes_on(tmp_path):
    reasons = {
        "laws": "it took more than its 9 s of time and was ended",
        "memory": "its process was ended by SIGSEGV",
        "speed": None,  # and without a file
    }

    def launch(name, seconds):
        if name not in reasons:
            complete(tmp_path, name, rows=2)
        elif name != "speed":
            SectionFile(tmp_path, name).add({"found": "before"})
        return reasons.get(name)

    assert not run_all(tmp_path, 9, launch, Clock(), say=lambda _: None)
    rows = {row["section"]: row for row in summary(tmp_path)["sections"]}
    assert [row["status"] for row in rows.values()] == [
        "out of time", "failed", "failed", "complete", "complete",
    ]  # fmt: skip
    assert rows["memory"]["reason"] == reasons["memory"]
    assert rows["speed"]["reason"] == "it ended without a word"
    assert rows["laws"]["rows"] == 1
    for name in SHARES:
        content = json.loads((tmp_path / f"{name}.json").read_text())
        assert content["status"] == rows[name]["status"]


def test_nothing_is_begun_when_the_time_is_up(tmp_path):
    clock = Clock()

    def launch(name, seconds):
        clock.pass_by(9 * 60)
        complete(tmp_path, name)

    run_all(tmp_path, 9, launch, clock, say=lambda _: None)
    statuses = [row["status"] for row in summary(tmp_path)["sections"]]
    assert statuses == ["complete", *["out of time"] * 4]


def test_what_comes_home_fits_the_road(tmp_path):
    """At most 8 plain files of at most 16 MiB, none of them in a folder."""
    run_all(tmp_path, 9, lambda name, _: complete(tmp_path, name, 3), Clock(), say=lambda _: None)
    found = list(tmp_path.iterdir())
    assert len(found) <= 8
    assert all(path.is_file() and path.name.isascii() for path in found)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of forking beside torch's threads
@pytest.mark.parametrize(
    ("befall", "told"),
    [
        (lambda: None, None),
        (lambda: os._exit(3), "its process returned 3"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "its process was ended by SIGKILL"),
        (signal.pause, "it took more than its 1 s of time and was ended"),
    ],
    ids=["ends", "exits", "dies", "hangs"],
)
def test_a_section_has_a_process_of_its_own_that_ends_when_it_must(befall, told):
    assert in_processes(lambda name, seconds: befall())("laws", 1.0) == told


def test_deadlines_of_parts_lie_before_that_of_the_whole():
    clock = Clock()
    whole = Deadline.after(10, clock)
    part = whole.part(0.5)
    clock.pass_by(5)
    assert part.passed
    assert not whole.passed
    assert whole.left == 5
    clock.pass_by(50)
    assert whole.passed
    assert whole.left == 0


def test_what_is_written_is_strict_json(tmp_path):
    path = tmp_path / "found.json"
    write_json(
        path, {"nan": float("nan"), "inf": [float("-inf"), 1.5], "text": "x" * 5000, "p": path}
    )

    def refuse(name):
        raise AssertionError(name)

    found = json.loads(path.read_text(), parse_constant=refuse)
    assert found["nan"] is None
    assert found["inf"] == [None, 1.5]
    assert len(found["text"]) < 2100
    assert found["p"] == str(path)
    assert strict({1: True}) == {"1": True}


def test_every_row_is_on_the_disk_as_soon_as_it_is_there(tmp_path):
    file = SectionFile(tmp_path, "memory", {"kind": "cpu"})
    for count in (1, 2, 3):
        file.add({"count": count})
        content = json.loads(file.path.read_text())
        assert content["status"] == "running"
        assert content["rows"][-1] == {"count": count}
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("answer", "method"), [(None, "fork"), (NOT_INITIALIZED, "fork"), (0, "spawn"), (100, "spawn")]
)
def test_children_are_forked_unless_cuda_is_in_use_already(monkeypatch, answer, method):
    def load(name):
        if answer is None:
            raise OSError(name)
        return SimpleNamespace(cuDeviceGetCount=lambda _: answer)

    monkeypatch.setattr("ctypes.CDLL", load)
    assert start_method() == method


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of forking beside torch's threads
def test_what_a_section_leaves_running_ends_with_it(tmp_path):
    def leave(name, seconds):
        left = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
        (tmp_path / "pid").write_text(str(left.pid))

    assert in_processes(leave)("laws", 5.0) is None
    with suppress(ProcessLookupError):  # which has ended
        its = os.pidfd_open(int((tmp_path / "pid").read_text()))
        assert select.select([its], [], [], 30)[0]
        os.close(its)
