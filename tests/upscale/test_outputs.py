"""Pictures, folders of them, and pipes: the other ways out."""

import io
import subprocess
import sys

import av
import numpy as np
import pytest
from PIL import Image
from upscale.films import base_network, decoded, first_frame, shown, write_film

from vsr_upscale import Request, UpscaleError, enlarged_frames, upscale
from vsr_upscale.output.opening import check_output

QUARTER = (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.mkv", "film"), ("a.MP4", "film"), ("a.webm", "film"), ("a.y4m", "raw"), ("-", "pipe"),
        ("a.png", "picture"), ("a.tiff", "picture"), ("folder/", "folder"), (".", "folder"),
    ],
)  # fmt: skip
def test_an_output_s_name_says_what_it_is(tmp_path, monkeypatch, name, kind):
    monkeypatch.chdir(tmp_path)
    assert check_output(name, tmp_path / "film.mkv").kind == kind


def test_a_folder_has_a_picture_for_each_frame(tmp_path, film):
    upscale(film, f"{tmp_path / 'pictures'}/", base_network())
    names = sorted(path.name for path in (tmp_path / "pictures").iterdir())
    assert names == [f"{number:08}.png" for number in range(1, 13)]
    first = np.asarray(Image.open(tmp_path / "pictures" / names[0]))
    assert first.shape == (96, 128, 3)
    frames = [frame.sr_CHW for frame in enlarged_frames(film, base_network())]
    expected = frames[0].mul(255).round().permute(1, 2, 0).numpy()
    assert np.abs(first - expected).max() <= 1


def test_pictures_that_are_there_are_kept_or_replaced_as_asked(tmp_path, film):
    out = tmp_path / "pictures"
    upscale(film, f"{out}/", base_network())
    with pytest.raises(UpscaleError, match="holds 12 numbered pictures already"):
        upscale(film, f"{out}/", base_network())
    with pytest.raises(UpscaleError, match="holds 12 numbered pictures already"):
        upscale(film, f"{out}/", base_network(), Request(resume=True))
    upscale(film, f"{out}/", base_network(), Request(overwrite=True, duration=0.1))
    assert len(list(out.iterdir())) == 3


class StoppedError(Exception):
    """Stands for whatever ends a process."""


def test_a_folder_that_was_stopped_goes_on_with_the_same_alone(tmp_path, film):
    def stop(count):
        if count.done == 8:
            raise StoppedError

    whole, out = f"{tmp_path / 'whole'}/", f"{tmp_path / 'out'}/"
    upscale(film, whole, base_network())
    with pytest.raises(StoppedError):
        upscale(film, out, base_network(), watch=stop)
    assert 0 < len(list((tmp_path / "out").glob("*.png"))) < 12
    with pytest.raises(UpscaleError, match="or go on with --resume"):
        upscale(film, out, base_network())
    with pytest.raises(UpscaleError, match="begun with something else"):
        upscale(film, out, base_network(scale=3), Request(resume=True))
    assert upscale(film, out, base_network(), Request(resume=True)).frames == 12
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_pictures_stand_upright_and_are_as_deep_as_the_film(tmp_path):
    film = write_film(tmp_path / "film.mp4", 2, matrix=QUARTER, sound=False)
    upscale(film, f"{tmp_path / 'turned'}/", base_network())
    assert first_frame(tmp_path / "turned" / "00000001.png").height == 128
    deep = write_film(
        tmp_path / "deep.mkv", 2, codec="ffv1", pix_fmt="yuv420p10le", options={}, sound=False
    )
    upscale(deep, f"{tmp_path / 'deep'}/", base_network())
    assert first_frame(tmp_path / "deep" / "00000001.png").format.name == "rgb48be"


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_picture_becomes_a_picture(tmp_path, suffix):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "small.png")
    upscale(tmp_path / "small.png", tmp_path / f"large{suffix}", base_network(scale=3))
    large = np.asarray(Image.open(tmp_path / f"large{suffix}")).astype(float)
    assert large.shape == (60, 90, 3)
    assert np.abs(large[1::3, 1::3] - pixels).max() <= 1  # bilinear: the middles stay


def test_a_film_is_not_one_picture(tmp_path, film):
    with pytest.raises(UpscaleError, match="is one picture, and the film has more"):
        upscale(film, tmp_path / "one.png", base_network())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le"])
def test_raw_frames_are_what_a_film_holds(tmp_path, pix_fmt):
    film = write_film(tmp_path / "film.mkv", 4, codec="ffv1", pix_fmt=pix_fmt, options={})
    upscale(film, tmp_path / "out.y4m", base_network())
    upscale(film, tmp_path / "out.mkv", base_network(), Request(encoder="ffv1"))
    assert first_frame(tmp_path / "out.y4m").format.name == pix_fmt
    for raw, kept in zip(decoded(tmp_path / "out.y4m"), decoded(tmp_path / "out.mkv"), strict=True):
        assert np.array_equal(raw, kept)


def test_a_pipe_has_frames_and_nothing_else(film, weights):
    command = [sys.executable, "-m", "vsr_upscale", str(film), "-", "--weights", str(weights)]
    done = subprocess.run(command, capture_output=True, check=True)
    with av.open(io.BytesIO(done.stdout), format="yuv4mpegpipe") as container:
        assert sum(1 for _ in container.decode(video=0)) == 12
    assert b"12 frames" in done.stderr


def test_the_frames_of_a_film_come_with_their_times(film):
    found = list(enlarged_frames(film, base_network(scale=3)))
    assert [frame.number for frame in found] == list(range(12))
    assert [frame.seconds for frame in found] == pytest.approx(shown(film), abs=1e-6)
    assert {tuple(frame.sr_CHW.shape) for frame in found} == {(3, 144, 192)}


ENCODERS = {
    "libx264": ".mkv", "libx265": ".mp4", "libsvtav1": ".mkv", "libvpx-vp9": ".webm",
    "ffv1": ".mkv", "prores_ks": ".mov",
}  # fmt: skip


@pytest.mark.parametrize(("encoder", "suffix"), ENCODERS.items())
def test_every_encoder_of_this_libav_makes_a_film(tmp_path, encoder, suffix):
    film = write_film(tmp_path / "film.mkv", 7, size=(64, 80), sound=suffix != ".webm")
    summary = upscale(film, tmp_path / f"out{suffix}", base_network(), Request(encoder=encoder))
    assert summary.frames == 7
    assert shown(tmp_path / f"out{suffix}") == pytest.approx(shown(film), abs=0.001)
    assert summary.agreement_db > 30


def test_a_webm_is_encoded_as_webm_are(tmp_path):
    film = write_film(tmp_path / "film.mkv", 3, sound=False)
    upscale(film, tmp_path / "out.webm", base_network())
    with av.open(str(tmp_path / "out.webm")) as container:
        assert "vp9" in container.streams.video[0].codec_context.name


def test_quality_and_options_reach_the_encoder(tmp_path, film):
    sizes = []
    for quality in (10, 40):
        request = Request(quality=quality, encoder_options=(("preset", "ultrafast"),))
        sizes.append(upscale(film, tmp_path / f"{quality}.mkv", base_network(), request).size)
    assert sizes[0] > 1.5 * sizes[1]


REFUSED = {
    "no such encoder": (Request(encoder="h264_of_mine"), "this libav has libx264"),
    "not video": (Request(encoder="aac"), "which encodes audio"),
    "no such pixels": (Request(pixel_format="yuv4"), "libx264 takes"),
    "no quality": (Request(encoder="ffv1", quality=3), "--encoder-option"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_an_encoder_cannot_do_is_refused_before_anything_is_made(tmp_path, film, name):
    request, words = REFUSED[name]
    with pytest.raises(UpscaleError, match=words):
        upscale(film, tmp_path / "out.mkv", base_network(), request)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("encoder", "suffix"),
    [("libx264", ".webm"), ("libvpx-vp9", ".mov"), ("libsvtav1", ".mov"), ("ffv1", ".ts"),
     ("libsvtav1", ".ts"), ("prores_ks", ".mp4")],
)  # fmt: skip
def test_video_that_a_container_does_not_hold_is_refused_before_anything_is_made(
    tmp_path, encoder, suffix
):
    film = write_film(tmp_path / "film.mkv", 2, size=(64, 80))
    with pytest.raises(UpscaleError, match="files hold no"):
        upscale(film, tmp_path / f"out{suffix}", base_network(), Request(encoder=encoder))
    assert [path.name for path in tmp_path.iterdir()] == ["film.mkv"]


@pytest.mark.parametrize(
    "request_",
    [
        Request(encoder_options=(("crf", "abc"),)),
        Request(quality=float("nan")),
        Request(encoder="mpeg2video"),
    ],
    ids=["crf", "quality", "ticks"],
)
def test_an_encoder_that_does_not_start_is_named_before_anything_is_made(tmp_path, film, request_):
    with pytest.raises(UpscaleError, match="does not start with"):
        upscale(film, tmp_path / "out.mkv", base_network(), request_)
    assert list(tmp_path.iterdir()) == []


def test_chroma_that_does_not_cover_an_odd_size_is_refused(tmp_path):
    film = write_film(tmp_path / "film.mkv", 2, size=(33, 45), pix_fmt="yuv444p", sound=False)
    with pytest.raises(UpscaleError, match="whose chroma covers pairs"):
        upscale(film, tmp_path / "o.mkv", base_network(scale=3), Request(pixel_format="yuv420p"))


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("encoder", ["libx264", "libx265", "libsvtav1"])
def test_the_shortest_films_and_segments_are_films(tmp_path, monkeypatch, encoder, count):
    """An encoder that is given one frame alone may say anything of when it is decoded."""
    monkeypatch.setattr("vsr_upscale.output.film.SEGMENT", 4)
    film = write_film(tmp_path / "film.mkv", count, size=(64, 80))
    request = Request(encoder=encoder)
    assert upscale(film, tmp_path / "out.mp4", base_network(), request).frames == count
    assert shown(tmp_path / "out.mp4") == pytest.approx(shown(film), abs=1e-4)
