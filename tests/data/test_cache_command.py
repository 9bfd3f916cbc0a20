"""`python -m vsr_data cache`: the least recently used goes first, and nothing that is in use."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from data.makers import MODEL, data, noise_video, picture

from vsr_data import open_training
from vsr_data.__main__ import main
from vsr_data.cache import GIB, Budget, FrameStore, entry_key
from vsr_data.cache.pruning import prune_to, prune_unused, stored
from vsr_data.cache.use import ABOUT, MARKS, keys_in_use, release_marks

ENTRY = 3 * (36 + 4) * 3  # bytes of the frames of one


def fill(folder: Path, number: int) -> str:
    """An entry that was last used `number` days after 1970 began."""
    key = entry_key(number=number)
    with FrameStore(folder).write(key, Budget(GIB), f"film{number}.mp4") as writer:
        for i in range(3):
            writer.append(i, picture(6, 6, i), picture(2, 2, i))
    os.utime(folder / key / ABOUT, (number * 86400, number * 86400))
    release_marks(folder)
    return key


def keys(folder: Path) -> list[str]:
    return [item.key for item in stored(folder)]


def total(folder: Path) -> int:
    return sum(item.n_bytes for item in stored(folder))


@pytest.fixture
def cache(tmp_path):
    """Three entries; the middle one by name is not the middle one by use."""
    folder = tmp_path / "cache"
    for number in (2, 3, 1):
        fill(folder, number)
    return folder


def test_entries_are_listed_with_their_source_size_and_last_use(cache):
    found = stored(cache)
    assert [item.source for item in found] == ["film1.mp4", "film2.mp4", "film3.mp4"]
    assert [item.used for item in found] == [86400.0, 2 * 86400.0, 3 * 86400.0]
    assert all(item.n_bytes > ENTRY and not item.in_use for item in found)


def test_pruning_removes_the_least_recently_used_until_it_is_enough(cache):
    size = total(cache) // 3
    assert prune_to(cache, 3 * size) == []
    assert [item.source for item in prune_to(cache, 2 * size)] == ["film1.mp4"]
    assert [item.source for item in prune_to(cache, size - 1)] == ["film2.mp4", "film3.mp4"]
    assert list(cache.glob("[!.]*")) == []


def test_pruning_by_age_removes_what_was_not_used_since(cache):
    assert [item.source for item in prune_unused(cache, 2 * 86400.0)] == ["film1.mp4"]
    assert [item.source for item in stored(cache)] == ["film2.mp4", "film3.mp4"]


def test_an_entry_that_is_opened_counts_as_used(cache):
    oldest = keys(cache)[0]
    FrameStore(cache).find(oldest)
    release_marks(cache)
    assert keys(cache)[-1] == oldest


SCRIPT = """
import sys, time
from pathlib import Path
from vsr_data.cache import FrameStore
assert FrameStore(Path(sys.argv[1])).find(sys.argv[2]) is not None
print("open", flush=True)
time.sleep(600)  # until it is killed, however busy the machine
"""


def test_what_a_live_run_uses_stays_and_goes_once_the_run_is_dead(cache):
    key = keys(cache)[1]
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(cache), key], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "open\n"
        assert keys_in_use(cache) == {key}
        prune_to(cache, 0)
        prune_unused(cache, 1e12)
        assert [(item.key, item.in_use) for item in stored(cache)] == [(key, True)]
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert [item.key for item in prune_to(cache, 0)] == [key]
    assert keys_in_use(cache) == frozenset()


def test_an_entry_that_a_run_opens_while_it_is_removed_is_put_back(cache, monkeypatch):
    key = keys(cache)[0]
    rename = Path.rename

    def opened_just_before(path, target):
        FrameStore(cache).find(path.name)
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", opened_just_before)
        assert prune_unused(cache, 1.5 * 86400.0) == []
    assert FrameStore(cache).find(key) is not None
    release_marks(cache)


def test_marks_of_dead_runs_are_removed_by_the_next_run(cache):
    FrameStore(cache).find(keys(cache)[0])
    (mark,) = (cache / MARKS).glob("*.keys")
    dead = mark.with_name("dead.keys")
    dead.write_text(f"{keys(cache)[1]}\n")
    assert keys_in_use(cache) == {keys(cache)[-1]}
    release_marks(cache)
    FrameStore(cache).find(keys(cache)[0])
    assert not dead.exists()
    release_marks(cache)
    assert list((cache / MARKS).glob("*.keys")) == []


def test_a_cache_that_is_only_read_is_used_without_a_word(cache, monkeypatch, caplog):
    def refuse(*_, **__):
        raise PermissionError

    key = keys(cache)[0]
    with monkeypatch.context() as patch:
        patch.setattr(os, "utime", refuse)
        patch.setattr(Path, "mkdir", refuse)
        assert FrameStore(cache).find(key) is not None
        assert FrameStore(cache).find(key) is not None
    assert not caplog.records
    release_marks(cache)


def test_nothing_but_entries_is_ever_removed(cache):
    mine = cache / "films" / "holiday.mp4"
    mine.parent.mkdir()
    mine.write_bytes(b"x" * 1000)
    (cache / "notes.txt").write_text("mine")
    (cache / ("a" * 40)).symlink_to(mine.parent)
    prune_to(cache, 0)
    prune_unused(cache, 1e12)
    assert mine.exists()
    assert (cache / "notes.txt").exists()
    assert (cache / ("a" * 40)).is_symlink()


def test_what_a_killed_run_left_half_filled_is_removed(cache):
    left = cache / "0123456789abcdef.x1_y2.part"
    left.mkdir()
    (left / "gt.rgb").write_bytes(b"x" * 1000)
    os.utime(left, (0, 0))
    assert [item.key for item in prune_unused(cache, 1.0)] == [left.name]
    assert not left.exists()
    assert len(keys(cache)) == 3


def test_the_command_tells_what_it_removed(cache, capsys):
    assert main(["cache", "--dir", str(cache), "--older", "100"]) == 0
    out = capsys.readouterr().out
    assert "removed 3 entries" in out
    assert out.endswith(f"{cache}: 0 entries, 0.0 MiB\n")


def test_the_command_as_json(cache, capsys):
    size = total(cache)
    assert main(["cache", "--dir", str(cache), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["bytes"] == size
    assert [row["source"] for row in found["entries"]] == ["film1.mp4", "film2.mp4", "film3.mp4"]
    assert found["removed"] == []
    assert main(["cache", "--dir", str(cache), "--json", "--prune", "0"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["bytes"], found["entries"], len(found["removed"])) == (0, [], 3)


def test_a_cache_that_is_not_there_is_empty(tmp_path, capsys):
    assert main(["cache", "--dir", str(tmp_path / "none"), "--prune", "1"]) == 0
    assert "0 entries" in capsys.readouterr().out


@pytest.mark.parametrize("amount", ["-1", "nan", "much"])
def test_an_amount_that_is_none_is_refused(cache, capsys, amount):
    with pytest.raises(SystemExit):
        main(["cache", "--dir", str(cache), f"--prune={amount}"])
    assert "is no amount" in capsys.readouterr().err


def test_the_entries_of_a_run_say_which_video_they_are_of(tmp_path):
    path = noise_video(tmp_path / "a.mkv", 5)
    open_training(data(tmp_path, path), MODEL)
    (item,) = stored(tmp_path / "cache")
    assert (item.source, item.in_use) == (str(path), True)
    assert prune_to(tmp_path / "cache", 0) == []
    release_marks(tmp_path / "cache")
    assert len(prune_to(tmp_path / "cache", 0)) == 1
