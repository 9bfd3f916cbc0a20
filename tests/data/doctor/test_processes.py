"""Pieces of work are done side by side, and one that brings its process down costs itself alone."""

import os
import signal

from vsr_data.doctor.processes import Death, shared_out


def work(piece, tell):
    """What a piece asks for."""
    if piece == "exit":
        os._exit(3)
    if piece == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    tell(1)
    return piece * 2


def ignore(piece, done):
    """Nobody watches."""


def test_every_piece_comes_back_with_its_result():
    found = dict(shared_out([1, 2, 3, 4, 5], work, ignore, processes=2))
    assert found == {1: 2, 2: 4, 3: 6, 4: 8, 5: 10}


def test_a_process_that_dies_costs_its_own_piece():
    found = dict(shared_out(["a", "exit", "kill", "b"], work, ignore, processes=2))
    assert (found["a"], found["b"]) == ("aa", "bb")
    assert isinstance(found["exit"], Death)
    assert "exit code 3" in found["exit"].reason
    assert "SIGKILL" in found["kill"].reason


def test_without_processes_the_work_is_done_here_and_watched():
    seen = []
    found = list(shared_out(["a", "b"], work, lambda *told: seen.append(told), processes=0))
    assert found == [("a", "aa"), ("b", "bb")]
    assert seen == [("a", 1), ("b", 1)]


def test_nothing_to_do_is_done_at_once():
    assert list(shared_out([], work, ignore)) == []


def test_whoever_stops_asking_leaves_no_process_behind():
    pieces = shared_out(["a", "b", "c"], work, ignore, processes=2)
    next(pieces)
    pieces.close()
