"""Frames made of two fields are found by their pixels, and made whole before they are enlarged."""

import av
import numpy as np
import pytest
from data.fielded import telecined, textured, woven
from upscale.films import base_network, decoded, moving, shown, write_film

from vsr_upscale import Request, upscale
from vsr_upscale.source import read_film

HEIGHT, WIDTH = 96, 128


def film_of(path, draw, **how):
    return write_film(path, 20, size=(HEIGHT, WIDTH), sound=False, draw=draw, **how)


@pytest.mark.parametrize(
    ("draw", "order"),
    [(woven("tff"), "tff"), (woven("bff"), "bff"), (telecined, "tff"), (textured, None),
     (moving, None)],
    ids=["tff", "bff", "telecine", "progressive", "smooth"],
)  # fmt: skip
def test_fields_are_found_by_their_pixels(tmp_path, draw, order):
    assert read_film(film_of(tmp_path / "film.mkv", draw)).fields == order


def test_flags_are_believed_where_nothing_moves(tmp_path):
    def still(number, height, width):
        return textured(0, height, width)

    flagged = {"preset": "ultrafast", "x264-params": "bff=1"}
    film = film_of(tmp_path / "film.mkv", still, options=flagged)
    assert read_film(film).fields is not None
    assert read_film(film_of(tmp_path / "plain.mkv", still)).fields is None


def test_flags_are_not_believed_where_pixels_say_otherwise(tmp_path):
    flagged = {"preset": "ultrafast", "x264-params": "tff=1"}
    assert read_film(film_of(tmp_path / "film.mkv", textured, options=flagged)).fields is None


def combing(picture):
    luma = picture.astype(float).mean(axis=-1)
    return np.abs(2 * luma[1:-1] - luma[:-2] - luma[2:]).mean()


def test_fields_are_made_whole_one_frame_for_one(tmp_path):
    film = film_of(tmp_path / "film.mkv", woven("tff"))
    summary = upscale(film, tmp_path / "out.mkv", base_network())
    upscale(film, tmp_path / "combed.mkv", base_network(), Request(deinterlace="off"))
    assert summary.frames == 20
    assert shown(tmp_path / "out.mkv") == pytest.approx(shown(film), abs=0.001)
    whole, combed = (decoded(tmp_path / name)[10] for name in ("out.mkv", "combed.mkv"))
    assert combing(whole) < combing(combed) / 2


def test_fields_can_be_asserted(tmp_path):
    film = film_of(tmp_path / "film.mkv", textured)
    assert read_film(film, "on").fields == "tff"
    upscale(film, tmp_path / "out.mkv", base_network(), Request(deinterlace="on"))
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 20
