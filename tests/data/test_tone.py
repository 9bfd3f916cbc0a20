"""HDR is brought to SDR as BT.2100, BT.2390 and BT.2408 say."""

import av
import numpy as np
import pytest
import torch
from data.makers import shared_files

from vsr_data.errors import UnusableFileError
from vsr_data.video import ToneMapping, mended_frames, nature_of, rgb_from_frame
from vsr_data.video.tone import (
    LUMINANCE_709,
    LUMINANCE_2020,
    WHITE,
    eetf,
    hlg_to_scene,
    light_to_pq,
    pq_to_light,
)

GREYS = torch.linspace(0, 1, 1024)


def shown(mapping, *codes):
    return mapping.shown(torch.tensor(codes).view(3, 1, -1))[:, 0]


@pytest.mark.parametrize(
    ("nits", "code"),  # BT.2408, table 1, and ST 2084
    [(0, 0.0), (100, 0.508), (203, 0.581), (1000, 0.752), (10_000, 1.0)],
)
def test_pq_is_the_standards(nits, code):
    light = torch.tensor(float(nits), dtype=torch.float64)
    assert float(light_to_pq(light)) == pytest.approx(code, abs=0.0005)
    assert float(pq_to_light(light_to_pq(light))) == pytest.approx(nits, rel=1e-6, abs=1e-6)


def test_three_quarters_of_hlg_are_white():
    """BT.2408: 75 % of HLG are 203 candela on a display of 1000."""
    assert float(hlg_to_scene(torch.tensor(0.75))) ** 1.2 * 1000 == pytest.approx(WHITE, abs=0.5)
    assert float(hlg_to_scene(torch.tensor(1.0))) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("peak", [203.0, 400.0, 1000.0, 4000.0, 10_000.0])
def test_the_curve_keeps_the_dark_and_ends_at_white(peak):
    light = torch.linspace(0, peak, 5000, dtype=torch.float64)
    mapped = eetf(light, peak)
    assert (mapped.diff() >= -1e-9).all()
    assert float(mapped[-1]) == pytest.approx(min(peak, WHITE), rel=1e-5)
    dark = light <= 20  # the knee of the highest peak is at 24
    assert float(mapped[dark][-1]) == pytest.approx(float(light[dark][-1]), rel=1e-4)
    assert (mapped <= light + 1e-6).all()


@pytest.mark.parametrize(
    "mapping", [ToneMapping("pq"), ToneMapping("pq", 4000), ToneMapping("hlg")]
)
def test_greys_stay_grey_and_in_order(mapping):
    rgb_3HW = shown(mapping, *GREYS.expand(3, -1).tolist())
    codes = (rgb_3HW ** (1 / 2.4) * 255).round()
    assert float((rgb_3HW.amax(0) - rgb_3HW.amin(0)).max()) < 1e-5
    assert (codes[0].diff() >= 0).all()
    assert codes[0, 0] == 0
    assert codes[0, -1] == 255


def test_what_is_below_the_knee_keeps_its_luminance():
    """Colours, too, whose hue and saturation BT.709 may not have."""
    codes = torch.rand(3, 1, 5000, generator=torch.manual_seed(1)) * 0.4
    light = pq_to_light(codes) / WHITE
    expected = torch.tensordot(torch.tensor(LUMINANCE_2020), light, 1)
    got = torch.tensordot(torch.tensor(LUMINANCE_709), ToneMapping("pq").shown(codes), 1)
    assert torch.allclose(got, expected, rtol=1e-3, atol=1e-6)


def test_a_colour_that_bt709_has_is_kept():
    """BT.709's own red, as BT.2020 codes it, is red alone."""
    light = torch.tensor([0.6274, 0.0691, 0.0164]) * 50
    red, green, blue = shown(ToneMapping("pq"), *light_to_pq(light)[:, None].tolist())
    assert float(red) == pytest.approx(50 / WHITE, rel=0.01)
    assert max(float(green), float(blue)) < 0.002


def test_a_colour_beyond_bt709_moves_to_its_own_grey():
    light = torch.tensor([0.0, 60.0, 0.0])
    rgb = shown(ToneMapping("pq"), *light_to_pq(light)[:, None].tolist())[:, 0]
    assert float(rgb.min()) == pytest.approx(0, abs=1e-6)
    assert float(rgb @ torch.tensor(LUMINANCE_709)) == pytest.approx(0.678 * 60 / WHITE, rel=0.01)


def hdr_video(path, code, *, transfer=16, primaries=9):
    """Flat grey of a 10-bit code in full range."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = 32, 48, "yuv420p10le"
        stream.codec_context.color_trc = transfer
        stream.codec_context.color_primaries = primaries
        stream.codec_context.colorspace = 9
        stream.codec_context.color_range = 2
        for _ in range(3):
            frame = av.VideoFrame(48, 32, "yuv420p10le")
            for plane, value in zip(frame.planes, (code, 512, 512), strict=True):
                plane.update(np.full(plane.buffer_size // 2, value, "<u2").tobytes())
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize(("transfer", "name"), [(16, "pq"), (18, "hlg")])
def test_hdr_video_is_mapped_refused_or_kept(tmp_path, transfer, name):
    path = hdr_video(tmp_path / "a.mkv", 1023, transfer=transfer)
    nature = nature_of(path)
    assert nature.hdr == name
    mapped, kept = (next(mended_frames(path, nature, hdr=how)) for how in ("tonemap", "keep"))
    assert np.unique(mapped.rgb()).tolist() == [255]
    assert np.array_equal(kept.rgb(), rgb_from_frame(kept.picture))
    with pytest.raises(UnusableFileError, match=f"HDR video .{name.upper()}.*'tonemap'"):
        next(mended_frames(path, nature, hdr="refuse"))


def test_hdr_video_with_opacity_is_mapped_and_on_black(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = 32, 48, "yuva420p10le"
        stream.codec_context.color_trc, stream.codec_context.color_range = 16, 2
        for _ in range(3):
            frame = av.VideoFrame(48, 32, "yuva420p10le")
            for plane, value in zip(frame.planes, (594, 512, 512, 1023), strict=True):
                rows = np.full(plane.buffer_size // 2, value, "<u2").reshape(plane.height, -1)
                rows[: rows.shape[0] // 2 * (value == 1023)] = 0
                plane.update(rows.tobytes())
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    rgb_HWC = next(mended_frames(path, nature_of(path))).rgb()
    assert np.unique(rgb_HWC[:16]).tolist() == [0]
    assert 215 <= rgb_HWC[16:].min() <= rgb_HWC[16:].max() < 255


def test_reference_white_of_pq_is_bright_and_its_dark_is_not_lifted(tmp_path):
    white, dark = (
        next(mended_frames(path, nature_of(path))).rgb()[0, 0, 0]
        for path in (hdr_video(tmp_path / "w.mkv", 594), hdr_video(tmp_path / "d.mkv", 155))
    )
    assert 215 <= white < 255  # the curve leaves room for what is brighter
    assert dark == round((float(pq_to_light(torch.tensor(155 / 1023))) / WHITE) ** (1 / 2.4) * 255)


def test_wide_primaries_alone_are_left_as_they_are(tmp_path):
    path = hdr_video(tmp_path / "a.mkv", 700, transfer=14)
    frame = next(mended_frames(path, nature_of(path)))
    assert nature_of(path).hdr is None
    assert np.array_equal(frame.rgb(), rgb_from_frame(frame.picture))


@pytest.mark.slow
@pytest.mark.parametrize("path", shared_files("video", "androidx_hdr10*"))
def test_a_real_hdr_clip_gets_the_contrast_of_sdr(path):
    frame = next(mended_frames(path, nature_of(path)))
    mapped, coded = frame.rgb().astype(float), rgb_from_frame(frame.picture).astype(float)
    assert mapped.std() > 1.3 * coded.std()
    assert mapped.shape == coded.shape
