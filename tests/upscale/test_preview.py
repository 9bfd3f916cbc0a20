"""A preview: three moments, bicubic beside the output."""

import numpy as np
import pytest
from PIL import Image
from upscale.films import base_network, write_film

from vsr_upscale import Request, UpscaleError
from vsr_upscale.__main__ import main
from vsr_upscale.preview import write_preview


def test_a_preview_shows_three_moments_twice(tmp_path, weights):
    film = write_film(tmp_path / "film.mkv", 30, size=(72, 96))
    words = [str(film), str(tmp_path / "look.png"), "--weights", str(weights), "--preview"]
    assert main(words) == 0
    sheet = np.asarray(Image.open(tmp_path / "look.png"))
    height, width, _ = sheet.shape
    assert width > 2 * 192
    assert height > 3 * (144 + 3 * 96)
    left, right = sheet[:144, :192], sheet[:144, width // 2 + 4 : width // 2 + 4 + 192]
    assert np.abs(left.astype(float) - right).mean() < 12
    rows = [sheet[top : top + 144, :192].astype(float) for top in (0, height // 3, 2 * height // 3)]
    assert np.abs(rows[0] - rows[1]).mean() > 3


def test_a_turned_film_is_shown_upright(tmp_path):
    matrix = (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
    film = write_film(tmp_path / "film.mp4", 8, size=(200, 400), matrix=matrix, sound=False)
    write_preview(film, tmp_path / "look.png", base_network())
    sheet = np.asarray(Image.open(tmp_path / "look.png")).astype(float)
    assert (sheet[:790, :390] != 255).any(axis=2).mean() > 0.9  # 400 columns of 800 rows
    assert (sheet[:790, 405:620] == 255).all()


@pytest.mark.parametrize("name", ["look.jpg", "no/folder/look.png", "there.png"])
def test_a_name_for_a_preview_that_cannot_be_used_is_told(tmp_path, film, name):
    (tmp_path / "there.png").write_bytes(b"mine")
    with pytest.raises(UpscaleError):
        write_preview(film, tmp_path / name, base_network())
    assert (tmp_path / "there.png").read_bytes() == b"mine"
    write_preview(film, tmp_path / "there.png", base_network(), Request(overwrite=True))
