"""A name from outside becomes the name of a file that every file system takes."""

from hypothesis import given
from hypothesis import strategies as st

from vsr_train.report.naming import LONGEST, file_name

NAMES = st.text(st.characters(codec=None, exclude_categories=()), max_size=300)
ENDING = "-step-000000001.png"


@given(NAMES)
def test_any_name_is_a_file_s(tmp_path_factory, name):
    made = file_name(name, ENDING)
    assert len(made.encode()) <= LONGEST
    assert made.endswith(ENDING)
    path = tmp_path_factory.getbasetemp() / made
    path.write_bytes(b"")
    assert path.parent == tmp_path_factory.getbasetemp()
    path.unlink()


@given(NAMES, NAMES)
def test_different_names_stay_different(one, other):
    assert (file_name(one, ENDING) == file_name(other, ENDING)) == (one == other)


def test_ordinary_names_are_kept():
    assert file_name("chelsea#2 [x264] 影", ".png") == "chelsea#2 [x264] 影.png"


def test_eighty_characters_of_three_bytes_fit():
    """240 bytes of name and 19 of step are more than a name may have."""
    assert len(file_name("影" * 80, ENDING).encode()) <= LONGEST
