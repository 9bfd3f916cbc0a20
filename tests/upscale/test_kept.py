"""What is in a film is in its output: frames, their times, sound, tags, and all beside."""

import itertools
from fractions import Fraction

import av
import numpy as np
import pytest
from data.makers import shared_files
from upscale.films import (
    base_network,
    covers,
    decoded,
    first_frame,
    matrix_of,
    moving,
    packets,
    shown,
    side_data_of,
    write_film,
)

from vsr_data import video
from vsr_upscale import Request, UpscaleError, upscale
from vsr_upscale.source import read_film

VFR = [0, 3003, 6006, 20_000, 23_003, 26_006, 30_000, 50_000, 53_003, 56_006, 99_999, 100_100]
QUARTER = (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)


def made(film, out, request=None, network=None):
    return upscale(film, out, network or base_network(), request or Request())


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov"])
@pytest.mark.parametrize("source", [".mkv", ".mp4"])
def test_frames_times_and_sound_are_the_film_s(tmp_path, source, suffix):
    film = write_film(tmp_path / f"film{source}", 12)
    summary = made(film, tmp_path / f"out{suffix}")
    out = tmp_path / f"out{suffix}"
    assert summary.frames == 12
    assert shown(out) == pytest.approx(shown(film), abs=0.001)
    assert packets(out, "audio") == packets(film, "audio")
    frame = first_frame(out)
    assert (frame.height, frame.width) == (96, 128)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_uneven_times_stay_uneven(tmp_path, suffix):
    film = write_film(tmp_path / "film.mp4", 12, times=VFR, time_base=Fraction(1, 90_000))
    out = tmp_path / f"out{suffix}"
    made(film, out)
    exact = 0.0006 if suffix == ".mkv" else 1e-5
    assert shown(out) == pytest.approx([time / 90_000 for time in VFR], abs=exact)
    assert packets(out, "audio") == packets(film, "audio")


def test_frames_over_several_segments_are_all_there_once(tmp_path, monkeypatch):
    monkeypatch.setattr("vsr_upscale.output.film.SEGMENT", 5)
    film = write_film(tmp_path / "film.mp4", 23, options={"preset": "medium", "crf": "18"})
    out = tmp_path / "out.mp4"
    made(film, out)
    assert shown(out) == pytest.approx(shown(film), abs=1e-4)
    with av.open(str(out)) as container:
        found = [p for p in container.demux(container.streams.video[0]) if p.size]
    assert sum(packet.is_keyframe for packet in found) >= 5
    assert all(packet.dts <= packet.pts for packet in found)
    assert sorted({packet.dts for packet in found}) == [packet.dts for packet in found]


def test_what_is_shown_is_the_film_enlarged(tmp_path):
    film = write_film(tmp_path / "film.mkv", 6)
    made(film, tmp_path / "out.mkv")
    for number, picture in enumerate(decoded(tmp_path / "out.mkv")):
        reduced = picture.reshape(48, 2, 64, 2, 3).mean(axis=(1, 3))
        assert np.abs(reduced - moving(number, 48, 64)).mean() < 4


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_turned_film_is_turned_by_its_tag_still(tmp_path, suffix):
    film = write_film(tmp_path / "film.mp4", 4, matrix=QUARTER)
    made(film, tmp_path / f"out{suffix}")
    frame = first_frame(tmp_path / f"out{suffix}")
    assert matrix_of(frame)[:5] == QUARTER[:5]
    assert (frame.height, frame.width) == (96, 128)
    assert frame.rotation == first_frame(film).rotation != 0


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_pixels_stay_as_wide_as_they_were(tmp_path, suffix):
    film = write_film(tmp_path / "film.mp4", 4, aspect=Fraction(16, 11))
    out = tmp_path / f"out{suffix}"
    made(film, out)
    with av.open(str(out)) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(16, 11)


HDR = {"color_range": 1, "colorspace": 9, "color_primaries": 9, "color_trc": 16}
HLG = HDR | {"color_trc": 18}
SDR = {"color_range": 2, "colorspace": 1, "color_primaries": 1, "color_trc": 1}


@pytest.mark.parametrize(
    ("tags", "pix_fmt", "codec"),
    [
        (HDR, "yuv420p10le", "libx265"),
        (HLG, "yuv420p10le", "libx265"),
        (SDR, "yuv420p", "libx264"),
    ],
    ids=["PQ", "HLG", "full range"],
)
@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_colours_are_tagged_as_they_were_and_as_deep(tmp_path, tags, pix_fmt, codec, suffix):
    options = {"preset": "ultrafast", "x265-params": "log-level=none"}
    options = options if codec == "libx265" else {"preset": "ultrafast"}
    film = write_film(
        tmp_path / "film.mkv", 4, codec=codec, pix_fmt=pix_fmt, options=options, tags=tags
    )
    made(film, tmp_path / f"out{suffix}")
    frame = first_frame(tmp_path / f"out{suffix}")
    assert frame.format.name.replace("yuvj", "yuv") == pix_fmt
    assert {name: int(getattr(frame, name)) for name in tags} == tags


def test_a_matrix_that_was_left_to_be_guessed_by_size_is_named(tmp_path):
    film = write_film(tmp_path / "film.mkv", 4)
    assert first_frame(film).colorspace == 2
    made(film, tmp_path / "out.mkv")
    assert first_frame(tmp_path / "out.mkv").colorspace == 6  # BT.601, as it is decoded


def mastered_film(path):
    """A film of HDR10, with the display it was mastered on and its brightest pixel and frame."""
    display = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
    params = f"log-level=none:hdr10=1:master-display={display}:max-cll=1000,400"
    options = {"preset": "ultrafast", "x265-params": params}
    how = {"codec": "libx265", "pix_fmt": "yuv420p10le", "options": options, "tags": HDR}
    return write_film(path, 4, **how)


MASTERING = ("Type.MASTERING_DISPLAY_METADATA", "Type.CONTENT_LIGHT_LEVEL")


@pytest.mark.parametrize("more", [(), (("x265-params", "aq-mode=1"),)], ids=["usual", "asked"])
def test_mastering_display_and_light_level_are_told_on(tmp_path, more):
    """Whatever else the encoder is asked for."""
    film = mastered_film(tmp_path / "film.mkv")
    made(film, tmp_path / "out.mkv", Request(encoder_options=more))
    before, after = (side_data_of(first_frame(path)) for path in (film, tmp_path / "out.mkv"))
    for kind in MASTERING:
        assert after[kind] == before[kind]


def test_chapters_names_languages_and_attachments_are_kept(tmp_path):
    film = write_film(
        tmp_path / "film.mkv",
        12,
        chapters=[(0, 200, "first"), (200, 480, "second")],
        attachment=b"not a font",
        metadata={"title": "A film"},
    )
    out = tmp_path / "out.mkv"
    made(film, out)
    with av.open(str(out)) as container:
        titles = [(c["start"], c["end"], c["metadata"]["title"]) for c in container.chapters()]
        assert [(c[2]) for c in titles] == ["first", "second"]
        assert container.metadata["title"] == "A film"
        assert container.streams.audio[0].language == "fin"
        attachments = [each for each in container.streams if each.type == "attachment"]
        assert [bytes(each.data) for each in attachments] == [b"not a font"]


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_cover_stays_a_cover(tmp_path, suffix):
    film = write_film(tmp_path / "film.mp4", 6, cover=True)
    assert len(covers(film)) == 1
    summary = made(film, tmp_path / f"out{suffix}")
    assert covers(tmp_path / f"out{suffix}") == covers(film)
    assert summary.notes == []


def test_what_a_container_cannot_hold_is_said(tmp_path):
    film = write_film(tmp_path / "film.mkv", 6, attachment=b"not a font")
    summary = made(film, tmp_path / "out.mp4")
    assert any("font.ttf" in note and "left out" in note for note in summary.notes)


def test_a_part_of_a_film_begins_at_its_own_start(tmp_path):
    film = write_film(tmp_path / "film.mkv", 30)
    summary = made(film, tmp_path / "out.mkv", Request(start=0.4, duration=0.4))
    assert summary.frames == 10
    assert shown(tmp_path / "out.mkv") == pytest.approx([n / 25 for n in range(10)], abs=0.001)
    for number, picture in enumerate(decoded(tmp_path / "out.mkv")):
        reduced = picture.reshape(48, 2, 64, 2, 3).mean(axis=(1, 3))
        assert np.abs(reduced - moving(number + 10, 48, 64)).mean() < 4
    (sound,) = packets(tmp_path / "out.mkv", "audio")
    assert sound[0][1] == pytest.approx(0, abs=0.022)
    assert sound[-1][1] < 0.4


def test_a_part_beyond_the_end_is_refused(tmp_path):
    film = write_film(tmp_path / "film.mkv", 6)
    with pytest.raises(UpscaleError, match="choose another --start"):
        made(film, tmp_path / "out.mkv", Request(start=60))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.mkv"]


def test_a_film_without_times_is_timed_by_its_rate(tmp_path):
    film = write_film(tmp_path / "film.264", 8, sound=False)
    summary = made(film, tmp_path / "out.mkv")
    assert summary.frames == 8
    steps = np.diff(shown(tmp_path / "out.mkv"))
    assert steps == pytest.approx([1 / 25] * 7, abs=0.002)


def test_an_odd_size_is_kept_in_full_chroma(tmp_path):
    film = write_film(tmp_path / "film.mkv", 3, size=(33, 45), pix_fmt="yuv444p", sound=False)
    made(film, tmp_path / "out.mkv", network=base_network(scale=3))
    frame = first_frame(tmp_path / "out.mkv")
    assert (frame.height, frame.width, frame.format.name) == (99, 135, "yuv444p")


def test_a_comparison_shows_both_side_by_side(tmp_path):
    film = write_film(tmp_path / "film.mkv", 3)
    summary = made(film, tmp_path / "out.mkv", Request(compare=True))
    frame = first_frame(tmp_path / "out.mkv")
    assert (frame.height, frame.width) == (96, 256)
    assert summary.agreement_db > 30


TAGS = {"color_range": 1, "colorspace": 6, "color_primaries": 6, "color_trc": 6}


@pytest.mark.parametrize(
    ("encoder", "suffix"),
    [("ffv1", ".mkv"), ("ffv1", ".mp4"), ("libvpx-vp9", ".webm"), ("libx264", ".ts"),
     ("prores_ks", ".mov"), ("libsvtav1", ".mkv")],
)  # fmt: skip
def test_every_encoder_and_container_tells_the_colours(tmp_path, encoder, suffix):
    film = write_film(tmp_path / "film.mkv", 3, size=(64, 80), tags=TAGS, sound=False)
    made(film, tmp_path / f"out{suffix}", Request(encoder=encoder))
    frame = first_frame(tmp_path / f"out{suffix}")
    assert {name: int(getattr(frame, name)) for name in TAGS} == TAGS


def test_rgb_is_tagged_as_rgb(tmp_path):
    film = write_film(tmp_path / "film.mkv", 3, tags=TAGS, sound=False)
    made(film, tmp_path / "out.mkv", Request(encoder="libx264rgb"))
    frame = first_frame(tmp_path / "out.mkv")
    assert (int(frame.colorspace), frame.format.is_rgb) == (0, True)
    assert (int(frame.color_primaries), int(frame.color_trc)) == (6, 6)


def test_fewer_bits_than_the_film_has_are_said(tmp_path):
    film = write_film(
        tmp_path / "film.mkv", 2, codec="ffv1", pix_fmt="yuv420p10le", options={}, sound=False
    )
    summary = made(film, tmp_path / "out.mkv", Request(encoder="libvpx-vp9"))
    assert any("takes 8 bits here; the film's 10" in note for note in summary.notes)
    assert made(film, tmp_path / "out.webm").notes == []
    assert first_frame(tmp_path / "out.webm").format.name == "yuv420p10le"


def test_raw_frames_of_an_uneven_film_are_said_to_be_even(tmp_path):
    film = write_film(tmp_path / "film.mp4", 12, times=VFR, time_base=Fraction(1, 90_000))
    assert any("have one rate" in note for note in made(film, tmp_path / "a.y4m").notes)
    even = write_film(tmp_path / "even.mp4", 12)
    assert made(even, tmp_path / "b.y4m").notes == []


@pytest.mark.parametrize("suffix", [".ts", ".y4m"])
def test_frames_stand_upright_where_no_tag_can_turn_them(tmp_path, suffix):
    film = write_film(tmp_path / "film.mp4", 4, matrix=QUARTER, sound=False, aspect=Fraction(4, 3))
    summary = made(film, tmp_path / f"out{suffix}")
    frame = first_frame(tmp_path / f"out{suffix}")
    assert (frame.height, frame.width, frame.rotation) == (128, 96, 0)
    assert summary.agreement_db > 30
    if suffix == ".ts":
        with av.open(str(tmp_path / "out.ts")) as container:
            assert container.streams.video[0].sample_aspect_ratio == Fraction(3, 4)


@pytest.mark.parametrize("turned", [False, True])
def test_a_turned_comparison_has_the_film_at_its_left_as_it_is_seen(tmp_path, turned):
    film = write_film(tmp_path / "film.mp4", 2, matrix=QUARTER if turned else None, sound=False)
    network = base_network()
    network.upsample[2].bias.data.fill_(0.1)
    upscale(film, f"{tmp_path / 'out'}/", network, Request(compare=True))
    sheet = decoded(tmp_path / "out" / "00000001.png")[0].astype(float)
    half = sheet.shape[1] // 2
    assert sheet.shape[:2] == ((128, 192) if turned else (96, 256))
    assert (sheet[:, half:] - sheet[:, :half]).mean() > 15


def test_chapters_end_with_a_part(tmp_path):
    film = write_film(
        tmp_path / "film.mkv", 30, chapters=[(0, 300, "a"), (300, 700, "b"), (700, 1200, "c")]
    )
    made(film, tmp_path / "out.mkv", Request(start=0.2, duration=0.4))
    with av.open(str(tmp_path / "out.mkv")) as container:
        found = [
            (float(c["start"] * c["time_base"]), float(c["end"] * c["time_base"]), c["metadata"])
            for c in container.chapters()
        ]
    assert [(round(a, 3), round(b, 3), each["title"]) for a, b, each in found] == [
        (0, 0.1, "a"),
        (0.1, 0.4, "b"),
    ]


@pytest.mark.parametrize("suffix", [".ts", ".mkv", ".mp4"])
@pytest.mark.parametrize("start", [3.0, 7.5])
def test_a_late_start_is_found_between_key_frames_far_apart(tmp_path, suffix, start):
    options = {"preset": "ultrafast", "x264-params": "keyint=100:min-keyint=100:scenecut=0"}
    film = write_film(tmp_path / f"film{suffix}", 225, size=(32, 32), options=options)
    summary = made(film, tmp_path / "out.mkv", Request(start=start, duration=1.0))
    assert summary.frames == pytest.approx(25, abs=1)
    (sound,) = packets(tmp_path / "out.mkv", "audio")
    times = shown(tmp_path / "out.mkv")
    assert sound[0][1] - times[0] == pytest.approx(0, abs=0.05)
    assert sound[-1][1] - times[-1] == pytest.approx(0, abs=0.08)


def test_recordings_put_one_behind_the_other_stay_in_sync(tmp_path):
    how = {"size": (32, 32), "codec": "mpeg2video", "options": {}}
    part = write_film(tmp_path / "part.ts", 60, **how).read_bytes()
    (tmp_path / "film.ts").write_bytes(part + part)
    summary = made(tmp_path / "film.ts", tmp_path / "out.mkv")
    assert summary.frames > 115
    times = shown(tmp_path / "out.mkv")
    (sound,) = packets(tmp_path / "out.mkv", "audio")
    assert np.diff(times).max() < 0.2
    assert times[-1] - times[0] == pytest.approx(summary.frames / 25, abs=0.3)
    assert sound[-1][1] == pytest.approx(times[-1], abs=0.4)
    assert np.diff([at for _, at in sound]).max() < 0.3


@pytest.mark.parametrize("name", ["Alien: x.mkv", "-x.mkv", "un film à voir.mkv", "100%d.mkv"])
def test_any_name_is_a_name(tmp_path, film, name):
    made(film, tmp_path / name)
    assert len(decoded(tmp_path / name)) == 12


def test_side_data_that_are_not_known_are_passed_over():
    """As of a telephone's picture, whose EXIF PyAV does not know."""

    class Frame:
        @property
        def side_data(self):
            raise ValueError("31 is not a valid Type")

    assert video.side_data_of(Frame(), None) is None


def test_what_was_true_of_the_old_video_alone_is_not_said_of_the_new(tmp_path):
    film = write_film(tmp_path / "film.mkv", 3, sound=False)
    made(film, tmp_path / "out.mkv", Request(encoder="ffv1"))
    with av.open(str(tmp_path / "out.mkv")) as container:
        said = container.streams.video[0].metadata
    assert not [each for each in said.values() if "x264" in each]


@pytest.mark.slow
@pytest.mark.parametrize("path", shared_files("video"))
def test_real_films_keep_their_frames_times_and_sound(tmp_path, path):
    """Half a second of each: as many frames as are shown in it, at their times, and their sound."""
    request = Request(duration=0.5, encoder_options=(("preset", "ultrafast"),))
    summary = made(path, tmp_path / "out.mkv", request)
    width = read_film(path).width
    times = list(itertools.takewhile(lambda time: time < 0.5, film_times(path, width)))
    assert summary.frames == len(times)
    assert film_times(tmp_path / "out.mkv", 2 * width) == pytest.approx(times, abs=0.001)
    for before, after in zip(
        packets(path, "audio"), packets(tmp_path / "out.mkv", "audio"), strict=True
    ):
        assert after == [(digest, at) for digest, at in before if at < 0.5]


def film_times(path, width):
    """When the frames of a video of a width are shown; those without times, by their rate."""
    with av.open(str(path)) as container:
        stream = next(each for each in container.streams.video if each.width == width)
        found = list(itertools.islice(container.decode(stream), 40))
    if found[0].pts is None:
        step = found[0].duration * found[0].time_base
        return [float(number * step) for number in range(len(found))]
    return [float(frame.pts * frame.time_base) for frame in found]
