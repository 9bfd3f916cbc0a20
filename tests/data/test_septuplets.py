"""Vimeo-90K: a list for either role, seven pictures a clip, no folder of seven listed."""

from pathlib import Path

import numpy as np
import pytest
from data.makers import MODEL, data, write_pictures
from PIL import Image

from vsr_data import DataError, check_sources, open_training, open_validation
from vsr_data.degradation import degrade
from vsr_settings import Model


def vimeo(root: Path, *, folder="sequences") -> dict[str, list[np.ndarray]]:
    """Four septuplets, three of them to train on, one to validate on."""
    frames = {
        name: write_pictures(root / folder / name, 7, name="im{}.png", first=1)
        for name in ("00001/0001", "00001/0002", "00002/0001", "00002/0003")
    }
    (root / "sep_trainlist.txt").write_text("00001/0001\n00001/0002\n00002/0001\n\n")
    (root / "sep_testlist.txt").write_text("00002/0003\n")
    return frames


@pytest.mark.parametrize("source", ["", "sequences"])
def test_the_role_says_which_list_is_used(tmp_path, source):
    frames = vimeo(tmp_path / "vimeo")
    section = data(tmp_path, tmp_path / "vimeo" / source)
    check_sources(section, MODEL)
    training, validation = open_training(section, MODEL), open_validation(section, MODEL)
    assert [clip.name for clip in training.clips] == ["00001/0001", "00001/0002", "00002/0001"]
    assert [clip.name for clip in validation.clips] == ["00002/0003"]
    (clip,) = validation.clips
    assert (clip.windows, clip.frames) == (3, 7)
    assert np.array_equal(clip.gt_frames(0, 7), frames["00002/0003"])
    assert clip.origin(0).endswith("00002/0003/im3.png")


@pytest.mark.parametrize(
    "beside", ["vimeo_septuplet_matlabLRx4/sequences", "vimeo/BIx4", "vimeo/sequences_LR"]
)
def test_ready_made_septuplets_beside_are_taken(tmp_path, beside):
    frames = vimeo(tmp_path / "vimeo")
    for name, septuplet in frames.items():
        small = [255 - degrade(frame, 4, "area") for frame in septuplet]
        (tmp_path / beside / name).mkdir(parents=True)
        for i, pixels in enumerate(small, 1):
            Image.fromarray(pixels).save(tmp_path / beside / name / f"im{i}.png")
    section = data(tmp_path, tmp_path / "vimeo")
    footage = open_training(section, Model(scale=4))
    assert all(clip.is_ready_made for clip in footage.clips)
    expected = 255 - degrade(frames["00001/0001"][1], 4, "area")
    assert np.array_equal(footage.clips[0].window(1)[0][0], expected)
    (note,) = footage.notes
    assert note.startswith("low-resolution frames of 3 clips are those of")
    footage = open_training(section, MODEL)
    assert not any(clip.is_ready_made for clip in footage.clips)


def test_septuplets_that_are_not_there_are_named(tmp_path):
    vimeo(tmp_path)
    with (tmp_path / "sep_trainlist.txt").open("a") as file:
        file.write("00002/0009\n00077/0001\n00001/0001\n")
    (tmp_path / "sequences/00001/0002/im4.png").unlink()
    footage = open_training(data(tmp_path, tmp_path), MODEL)
    assert [clip.name for clip in footage.clips] == ["00001/0001", "00002/0001"]
    reasons = {str(Path(item.path).relative_to(tmp_path)): item.reason for item in footage.rejected}
    missing = "sep_trainlist.txt names it, but there is no such folder"
    assert reasons["sequences/00002/0009"] == reasons["sequences/00077/0001"] == missing
    assert "No such file" in reasons["sequences/00001/0002/im4.png"]
    assert "3 of 7 pictures" in reasons["sequences/00001/0002"]


@pytest.mark.parametrize("text", [None, "", "00001/0001 ../../etc\n", "\xff\xfe"])
def test_a_list_that_is_none_is_refused(tmp_path, text):
    vimeo(tmp_path)
    path = tmp_path / "sep_testlist.txt"
    path.unlink()
    if text is not None:
        path.write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match=r"data\.val = .*sep_testlist\.txt.*00001/0001"):
        open_validation(data(tmp_path, tmp_path), MODEL)
