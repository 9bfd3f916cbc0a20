"""A user's path has a meaning, whatever is written and wherever home is."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsr_files import expanded, printable
from vsr_settings import load
from vsr_settings.paths import has_patches, holds_out, is_file, same_path, takes_in

ODD = ["", "~", "~/x", "~nobody-here/x", "~\0/x", "a\0b", "~\ud800", "x" * 5000, "~/" + "x" * 5000]


@pytest.fixture
def _no_home(monkeypatch):
    pwd = pytest.importorskip("pwd", reason="Windows knows no names of homes")

    def unknown(_user):
        raise KeyError

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


def test_home_is_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert expanded("~/.cache/vsr") == tmp_path / ".cache" / "vsr"
    assert expanded(Path("a") / "~") == Path("a") / "~"


@pytest.mark.usefixtures("_no_home")
def test_without_a_home_the_cache_is_among_the_temporary_files():
    cache = expanded(load(environ={}).data.cache_dir)
    assert cache.is_relative_to(tempfile.gettempdir())
    assert cache.parts[-2:] == (".cache", "vsr")


@pytest.mark.usefixtures("_no_home")
def test_a_home_of_nobody_stays_as_it_is_written():
    assert expanded("~nobody-here/x") == Path("~nobody-here/x")


@pytest.mark.usefixtures("_no_home")
@given(st.text(max_size=20) | st.sampled_from(ODD))
def test_no_path_raises(text):
    expanded(text)
    expanded(f"~{text}")
    assert not is_file(f"no-such-folder/{text}")
    assert not has_patches(f"no-such-folder/{text}")
    assert not holds_out(f"no-such-folder/{text}")
    assert same_path(text, text)
    assert takes_in(text, text)
    takes_in("*?", text)
    assert printable(text).isprintable()


@pytest.mark.parametrize(
    ("source", "other", "takes"),
    [
        ("films/*", "films/a.mp4", True),
        ("films/*/", "./films/a", True),
        ("films/?.mp4", "films/a.mp4", True),
        ("films/*", "films/a/b", False),
        ("films/*.mkv", "films/a.mp4", False),
        ("films [1]", "films 1", True),  # where there is no folder of the first name
        ("films/**/*.mp4", "films/a/b/c.mp4", True),
        ("films/**/*.mp4", "films/c.mp4", True),
        ("films/**/*.mp4", "film/c.mp4", False),
        ("films/[ab].mp4", "films/a.mp4", True),
        ("films [1]", "films [1]", True),
        ("films", "films/a", False),
    ],
)
def test_a_pattern_takes_in_what_it_matches_name_by_name(source, other, takes):
    assert takes_in(source, other) is takes


def test_a_folder_takes_in_its_files_and_no_folder_of_it(tmp_path):
    folder = tmp_path / "films [1]"
    (folder / "inner").mkdir(parents=True)
    (folder / "a.mp4").touch()
    (tmp_path / "films 1").mkdir()
    assert takes_in(str(folder), str(folder / "a.mp4"))
    assert not takes_in(str(folder), str(folder / "inner"))
    assert not takes_in(str(folder), str(tmp_path / "films 1"))
