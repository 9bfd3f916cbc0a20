"""Frames made of fields are told from whole ones, and interlaced video from telecined film."""

from itertools import islice

import pytest
from data.fielded import interlaced, pulled_down, textured
from data.makers import shared_files, write_video

from vsr_data.video import frames, nature_of

CODECS = {
    "lossless": {"codec": "ffv1", "pix_fmt": "yuv420p"},
    "h264": {
        "codec": "libx264",
        "pix_fmt": "yuv420p",
        "options": {"crf": "23", "preset": "veryfast", "x264-params": "log-level=none"},
    },
    "mpeg2": {"codec": "mpeg2video", "pix_fmt": "yuv420p", "options": {"b": "5000000"}},
}
KINDS = {
    "tff": (lambda film: interlaced(film, "tff"), ("tff", False)),
    "bff": (lambda film: interlaced(film, "bff"), ("bff", False)),
    "telecine": (lambda film: pulled_down(film, "tff"), ("tff", True)),
    "telecine-bff": (lambda film: pulled_down(film, "bff"), ("bff", True)),
    "progressive": (lambda film: film, (None, False)),
}


def found(path):
    nature = nature_of(path)
    return nature.fields, nature.telecined


def flagged(codec, kind):
    """As interlaced video is encoded, and as telecined film is."""
    how = {**CODECS[codec]}
    if kind in {"tff", "bff"} and codec == "h264":
        how["options"] = {**how["options"], "x264-params": f"log-level=none:{kind}=1"}
    if kind in {"tff", "bff"} and codec == "mpeg2":
        how["options"] = {**how["options"], "flags": "+ildct+ilme"}
    return how


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("kind", KINDS)
def test_fields_are_told_apart(tmp_path, kind, codec):
    make, expected = KINDS[kind]
    film = make([textured(i, 96, 128) for i in range(48)])
    path = write_video(tmp_path / "film.mkv", film, **flagged(codec, kind))
    assert found(path) == expected


def test_a_film_cut_after_it_was_telecined_is_still_told(tmp_path):
    film = pulled_down([textured(i, 96, 128) for i in range(64)], "tff")
    path = write_video(tmp_path / "film.mkv", [*film[:38], *film[41:]])
    assert found(path) == ("tff", True)


def test_a_repeated_frame_in_five_is_no_pulldown(tmp_path):
    film = [textured(i - i // 5, 96, 128) for i in range(48)]
    assert found(write_video(tmp_path / "film.mkv", film)) == (None, False)


def test_stillness_is_looked_past(tmp_path):
    film = [textured(0, 96, 128)] * 130 + [textured(i, 96, 128) for i in range(40)]
    path = write_video(tmp_path / "film.mkv", interlaced(film, "bff"))
    assert found(path) == ("bff", False)


@pytest.mark.slow
@pytest.mark.parametrize("path", shared_files("video"))
def test_real_progressive_clips_have_no_fields(path):
    assert found(path) == (None, False)


TOO_SHORT = "nasa_13013_rotated"
"""Seventeen frames that hardly move: as telecined film they tell too little."""


@pytest.mark.exhaustive
@pytest.mark.parametrize("codec", ["h264", "mpeg2"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("path", shared_files("video"))
def test_fields_of_real_clips_are_found(tmp_path, path, kind, codec):
    make, expected = KINDS[kind]
    if path.stem == TOO_SHORT and kind.startswith("telecine"):
        pytest.skip("seventeen frames that hardly move tell too little")
    film = [
        frame.picture.reformat(720, 480, format="rgb24", threads=1).to_ndarray()
        for frame in islice(frames(path), 80)
    ]
    clip = write_video(tmp_path / "film.mkv", make(film), **flagged(codec, kind))
    assert found(clip) == expected


def test_a_repeated_frame_in_five_that_was_woven_is_interlaced(tmp_path):
    film = interlaced([textured(i - i // 5, 96, 128) for i in range(80)], "tff")
    assert found(write_video(tmp_path / "film.mkv", film)) == ("tff", False)
