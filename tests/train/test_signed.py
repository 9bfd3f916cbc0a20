"""A text of ours that a person edited, or wrote in its place, is neither replaced nor deleted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsr_train.folder.signed import is_untouched, write_unless_edited

TEXT = "# A card\n\nof ours\n"


@given(text=st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r")))
def test_what_was_written_is_ours_until_a_character_changes(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("signed") / "README.md"
    assert write_unless_edited(path, text)
    written = path.read_bytes().decode()
    assert written.startswith(text.rstrip("\n"))
    assert is_untouched(path)
    assert write_unless_edited(path, "another")
    assert is_untouched(path)
    path.write_bytes(("x" + written).encode())
    assert not is_untouched(path)


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace("of ours", "of mine"),
        lambda text: text + "more\n",
        lambda text: "more\n" + text,
        lambda text: text.replace("sha256 ", "sha256 0"),
        lambda text: text.rpartition("<!--")[0],
        lambda _: "my own",
        lambda _: "",
    ],
    ids=["within", "after", "before", "digest", "last line gone", "another", "empty"],
)
def test_an_edited_text_stays(tmp_path, edit):
    path = tmp_path / "README.md"
    write_unless_edited(path, TEXT)
    edited = edit(path.read_text())
    path.write_text(edited)
    assert not write_unless_edited(path, TEXT)
    assert path.read_text() == edited


def test_other_line_ends_are_no_edit(tmp_path):
    path = tmp_path / "README.md"
    write_unless_edited(path, TEXT)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert is_untouched(path)
    assert write_unless_edited(path, TEXT)


@pytest.mark.parametrize("make", ["mkdir", "link to nowhere", "bytes"])
def test_what_is_no_text_is_nobodys_to_replace(tmp_path, make):
    path = tmp_path / "README.md"
    if make == "mkdir":
        path.mkdir()
    elif make == "bytes":
        path.write_bytes(b"\xff\xfe")
    else:
        path.symlink_to(tmp_path / "nowhere")
    assert not is_untouched(path)
    assert not write_unless_edited(path, TEXT)
