"""A film goes on from where it was stopped, and comes out as if it never had been."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from upscale.films import base_network, decoded, packets, shown, write_film

from vsr_upscale import Request, UpscaleError, upscale
from vsr_upscale.output import film as film_output


@pytest.fixture(autouse=True)
def short_segments(monkeypatch):
    monkeypatch.setattr(film_output, "SEGMENT", 4)


class StoppedError(Exception):
    """Stands for whatever ends a process."""


def stopped_at(number):
    def watch(count):
        if count.done >= number:
            raise StoppedError

    return watch


def same(one, other):
    assert one.read_bytes() == other.read_bytes()
    assert shown(one) == shown(other)
    assert packets(one, "audio") == packets(other, "audio")
    assert packets(one, "video") == packets(other, "video")


@pytest.mark.parametrize("align", ["none", "samples"])
@pytest.mark.parametrize("stops", [(1,), (5,), (9, 13), (22,)])
def test_a_stopped_run_ends_as_one_that_never_was(tmp_path, stops, align):
    film = write_film(tmp_path / "film.mkv", 22)
    network = base_network(align=align)
    upscale(film, tmp_path / "once.mkv", network)
    for stop in stops:
        with pytest.raises(StoppedError):
            upscale(
                film, tmp_path / "out.mkv", network, Request(resume=True), watch=stopped_at(stop)
            )
        assert not (tmp_path / "out.mkv").exists()
    done = []
    upscale(film, tmp_path / "out.mkv", network, Request(resume=True), say=done.append)
    same(tmp_path / "out.mkv", tmp_path / "once.mkv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.mkv", "once.mkv", "out.mkv"]


def test_what_was_done_is_not_done_again(tmp_path, monkeypatch):
    film = write_film(tmp_path / "film.mkv", 20)
    with pytest.raises(StoppedError):
        upscale(film, tmp_path / "out.mkv", base_network(), watch=stopped_at(20))
    kept = len(list((tmp_path / "out.mkv.unfinished").glob("*.json"))) - 1
    assert kept >= 2
    said = []
    upscale(film, tmp_path / "out.mkv", base_network(), Request(resume=True), say=said.append)
    assert f"{4 * kept} frames were enlarged before" in said


def test_damaged_segments_are_made_anew(tmp_path):
    film = write_film(tmp_path / "film.mkv", 20)
    upscale(film, tmp_path / "once.mkv", base_network())
    with pytest.raises(StoppedError):
        upscale(film, tmp_path / "out.mkv", base_network(), watch=stopped_at(20))
    folder = tmp_path / "out.mkv.unfinished"
    second = folder / "000001.video"
    second.write_bytes(second.read_bytes()[:-7])
    (folder / ".0123456789abcdef.partial").write_bytes(b"half")
    upscale(film, tmp_path / "out.mkv", base_network(), Request(resume=True))
    same(tmp_path / "out.mkv", tmp_path / "once.mkv")


@pytest.mark.parametrize("change", ["network", "quality", "part", "film"])
def test_going_on_with_something_else_is_refused(tmp_path, change):
    film = write_film(tmp_path / "film.mkv", 20)
    network, request = base_network(), Request(resume=True)
    with pytest.raises(StoppedError):
        upscale(film, tmp_path / "out.mkv", network, watch=stopped_at(20))
    if change == "network":
        network.upsample[0].weight.data += 1
    elif change == "quality":
        request = Request(resume=True, quality=30)
    elif change == "part":
        request = Request(resume=True, start=0.2)
    else:
        write_film(film, 21)
    with pytest.raises(UpscaleError, match="begun with another"):
        upscale(film, tmp_path / "out.mkv", network, request)
    assert list((tmp_path / "out.mkv.unfinished").glob("*.video"))


def test_unfinished_work_is_not_thrown_away_unasked(tmp_path):
    film = write_film(tmp_path / "film.mkv", 20)
    with pytest.raises(StoppedError):
        upscale(film, tmp_path / "out.mkv", base_network(), watch=stopped_at(20))
    with pytest.raises(UpscaleError, match="go on with --resume, or start anew"):
        upscale(film, tmp_path / "out.mkv", base_network())
    upscale(film, tmp_path / "out.mkv", base_network(), Request(overwrite=True))
    assert shown(tmp_path / "out.mkv") == pytest.approx(shown(film), abs=0.001)


def test_an_output_is_not_replaced_unasked(tmp_path, film):
    out = tmp_path / "out.mkv"
    out.write_bytes(b"dear to somebody")
    for request in (Request(), Request(resume=True)):
        with pytest.raises(UpscaleError, match="is there already"):
            upscale(film, out, base_network(), request)
    assert out.read_bytes() == b"dear to somebody"
    upscale(film, out, base_network(), Request(overwrite=True))
    assert len(decoded(out)) == 12


def test_what_a_kill_leaves_of_a_finished_job_is_not_gone_on_with(tmp_path, film):
    """Where it struck while the folder was removed."""
    upscale(film, tmp_path / "out.mkv", base_network())
    before = (tmp_path / "out.mkv").read_bytes()
    (tmp_path / "out.mkv.unfinished").mkdir()
    (tmp_path / "out.mkv.unfinished" / "000000.video").write_bytes(b"left")
    with pytest.raises(UpscaleError, match="is there already"):
        upscale(film, tmp_path / "out.mkv", base_network(), Request(resume=True))
    assert (tmp_path / "out.mkv").read_bytes() == before


def test_a_run_that_fails_at_once_leaves_nothing(tmp_path, film):
    with pytest.raises(StoppedError):
        upscale(film, tmp_path / "out.mkv", base_network(), watch=stopped_at(1))
    assert list(tmp_path.iterdir()) == []


def test_two_runs_do_not_make_one_output(tmp_path):
    film = write_film(tmp_path / "film.mkv", 20)

    def again(count):
        if count.done == 10:
            with pytest.raises(UpscaleError, match="being made by another process"):
                upscale(film, tmp_path / "out.mkv", base_network(), Request(resume=True))

    upscale(film, tmp_path / "out.mkv", base_network(), watch=again)
    assert len(decoded(tmp_path / "out.mkv")) == 20


PROGRAM = """
import sys
from vsr_upscale.output import film
film.SEGMENT = 4
from vsr_upscale.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def command(film, out, weights, *more):
    words = [str(film), str(out), "--weights", str(weights), *more]
    return [sys.executable, "-c", PROGRAM, *words]


def kill_when(process, folder, segments, number):
    """Send a signal once so many segments are whole; False where the process ended before."""
    while process.poll() is None:
        if len(list(folder.glob("??????.json"))) >= segments:
            process.send_signal(number)
            process.wait()
            return True
        time.sleep(0.005)
    return False


@pytest.mark.slow
@pytest.mark.parametrize(
    "kills", [3, pytest.param(20, marks=pytest.mark.exhaustive)], ids=lambda n: f"{n} kills"
)
def test_killed_processes_go_on_and_end_as_one_that_never_was(tmp_path, weights, kills):
    film = write_film(tmp_path / "film.mkv", 4 * kills + 9)
    subprocess.run(command(film, tmp_path / "once.mkv", weights), check=True, capture_output=True)
    out = tmp_path / "out.mkv"
    for kill in range(kills):
        process = subprocess.Popen(
            command(film, out, weights, "--resume"), stderr=subprocess.DEVNULL
        )
        assert kill_when(process, tmp_path / "out.mkv.unfinished", kill + 1, signal.SIGKILL)
    subprocess.run(command(film, out, weights, "--resume"), check=True, capture_output=True)
    same(out, tmp_path / "once.mkv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.mkv", "once.mkv", "out.mkv"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_a_run_and_says_how_to_go_on(tmp_path, weights, number):
    film = write_film(tmp_path / "film.mkv", 60)
    out = tmp_path / "out.mkv"
    words = command(film, out, weights)
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        assert kill_when(process, tmp_path / "out.mkv.unfinished", 2, number)
        said = process.stderr.read()
    assert process.returncode == 128 + number
    assert (
        f"stopped by {signal.Signals(number).name}; what is done is kept, go on with: python"
        in said
    )
    assert "Traceback" not in said
    described = json.loads((tmp_path / "out.mkv.unfinished" / "000000.json").read_text())
    assert len(described["shown"]) == 4
