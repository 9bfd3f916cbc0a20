"""Animated pictures are films, still ones are not, and what is transparent is black."""

import numpy as np
import pytest
from PIL import Image

from vsr_data.errors import UnusableFileError
from vsr_data.video import FrameRange, is_animation, mended_frames, nature_of

MOVING = ("a.gif", "a.png", "a.apng", "a.webp")


def pictures(count):
    """A red square, whole, on nothing."""
    found = []
    for i in range(count):
        rgba = np.zeros((40, 56, 4), np.uint8)
        rgba[8:24, 4 + 3 * i : 20 + 3 * i] = (200, 40, 40, 255)
        rgba[30:, :, :3] = 255  # white that nobody sees
        found.append(Image.fromarray(rgba))
    return found


def save(path, count=6):
    first, *rest = pictures(count)
    kind = {".apng": "PNG"}.get(path.suffix)
    how = {"lossless": True} if path.suffix == ".webp" else {}
    how |= {"disposal": 2} if path.suffix == ".gif" else {}
    if rest:
        how |= {"save_all": True, "append_images": rest, "duration": 40}
    first.save(path, format=kind, **how)
    return path


@pytest.mark.parametrize("name", MOVING)
def test_animated_pictures_are_films(tmp_path, name):
    path = save(tmp_path / name)
    nature = nature_of(path)
    found = list(mended_frames(path, nature))
    assert is_animation(path)
    assert (nature.height, nature.width) == (40, 56)
    assert [(frame.number, frame.follows) for frame in found] == [(i, i > 0) for i in range(6)]
    for i, frame in enumerate(found):
        rgb_HWC = frame.rgb()
        assert np.abs(rgb_HWC[10:22, 6 + 3 * i : 18 + 3 * i].astype(int) - (200, 40, 40)).max() < 3
        assert not rgb_HWC[28:].any()
        assert not rgb_HWC[:6].any()


@pytest.mark.parametrize("name", MOVING)
def test_a_part_of_them_can_be_read(tmp_path, name):
    path = save(tmp_path / name)
    found = list(mended_frames(path, nature_of(path), FrameRange(2, 4)))
    assert [(frame.number, frame.follows) for frame in found] == [(2, False), (3, True)]


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp", "a.tiff", "a.bmp"])
def test_still_pictures_are_refused_with_a_reason(tmp_path, name):
    path = save(tmp_path / name, count=1)
    assert not is_animation(path)
    with pytest.raises(UnusableFileError, match="still picture.*numbered pictures"):
        nature_of(path)


@pytest.mark.parametrize("name", MOVING)
def test_damaged_ones_are_refused_or_cut_short(tmp_path, name):
    path = save(tmp_path / name)
    whole = path.read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 20):
        path.write_bytes(whole[:length])
        try:
            found = list(mended_frames(path, nature_of(path)))
        except UnusableFileError:
            continue
        assert len(found) <= 6


def test_a_video_is_no_animation(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"")
    assert not is_animation(path)
