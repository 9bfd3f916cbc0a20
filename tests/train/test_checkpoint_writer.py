"""Saving beside training: what was saved is the moment it was asked for, and no failure is lost."""

import shutil
import threading
from types import SimpleNamespace

import pytest
import torch
from train.checkpoint_states import assert_equal, state_after

from vsr_train import RunError
from vsr_train.errors import DivergedError
from vsr_train.folder import CheckpointWriter, RunFolder, read_state, writer


@pytest.fixture
def settings(settings_of):
    return settings_of(train__keep_checkpoints=9)


@pytest.fixture
def folder(settings):
    return RunFolder.of(settings)


@pytest.fixture
def held(monkeypatch):
    """Writing waits until this event is set; (event, steps in the order they were begun)."""
    event, begun, write = threading.Event(), [], writer.write_checkpoint

    def wait_and_write(path, stored):
        begun.append(stored["step"])
        assert event.wait(60)
        write(path, stored)

    monkeypatch.setattr(writer, "write_checkpoint", wait_and_write)
    yield event, begun
    event.set()


def names_in(folder):
    return sorted(path.name for path in folder.checkpoints.iterdir())


def test_a_save_holds_the_state_of_its_moment_whatever_training_does_meanwhile(
    folder, settings, held
):
    event, _ = held
    state = state_after(settings, 2)
    state.aside = [1]
    with CheckpointWriter(folder, settings) as saving:
        saving.save(state)
        with torch.no_grad():
            for parameter in state.network.parameters():
                parameter.fill_(7)
                state.optimizer.state[parameter]["exp_avg"].zero_()
        state.aside.append(2)
        state.step = 3
        assert names_in(folder) == []
        event.set()
        newest = saving.newest()
    expected = state_after(settings, 2)
    expected.aside = [1]
    stored = read_state(newest, settings)
    assert_equal({key: stored[key] for key in expected.state_dict()}, expected.state_dict())


def test_saves_are_written_in_order_one_at_a_time(folder, settings, held):
    event, begun = held
    with CheckpointWriter(folder, settings) as saving:
        for step in (1, 2, 3):
            saving.save(state_after(settings, step))
            assert len(begun) <= step
            event.set()
    assert begun == [1, 2, 3]
    assert names_in(folder) == [f"step-00000000{step}.pt" for step in (1, 2, 3)]


@pytest.mark.parametrize("call", ["save", "poll", "finish", "the end"])
def test_a_save_that_failed_surfaces_at_the_next_call_and_once(folder, settings, monkeypatch, call):
    def refuse(path, stored):
        raise RunError("the disk refuses")

    monkeypatch.setattr(writer, "write_checkpoint", refuse)
    saving = CheckpointWriter(folder, settings)
    saving.save(state_after(settings, 1))
    saving.newest()  # waits
    calls = {
        "save": lambda: saving.save(state_after(settings, 2)),
        "poll": saving.poll,
        "finish": saving.finish,
        "the end": lambda: saving.__exit__(None, None, None),
    }
    with pytest.raises(RunError, match="the disk refuses"):
        calls[call]()
    saving.finish()


def test_a_failed_save_is_told_beside_what_ended_the_run(folder, settings, monkeypatch):
    def refuse(path, stored):
        raise RunError("the disk refuses")

    monkeypatch.setattr(writer, "write_checkpoint", refuse)

    def run():
        with CheckpointWriter(folder, settings) as saving:
            saving.save(state_after(settings, 1))
            raise ValueError("a file vanished")

    with pytest.raises(RunError, match="the disk refuses; the run ended with: a file vanished"):
        run()


def test_what_could_not_be_resumed_is_not_saved(folder, settings):
    state = state_after(settings, 1)
    next(iter(state.optimizer.state.values()))["exp_avg_sq"].fill_(float("inf"))
    with (
        pytest.raises(DivergedError, match=r"exp_avg_sq.* not finite"),
        CheckpointWriter(folder, settings) as saving,
    ):
        saving.save(state)
    assert names_in(folder) == []


def test_a_disk_without_room_is_told_before_anything_is_written(folder, settings, monkeypatch):
    with CheckpointWriter(folder, settings) as saving:
        saving.save(state_after(settings, 1))
        saving.finish()
        usage = SimpleNamespace(free=1 << 20)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
        with pytest.raises(RunError, match=r"needs about 1\.\d MiB .* 1\.0 MiB free.*make room"):
            saving.save(state_after(settings, 2))
    assert names_in(folder) == ["step-000000001.pt"]
