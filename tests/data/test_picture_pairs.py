"""Ready-made pairs of pictures: read as they are, checked before they are used."""

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from data.makers import MODEL, SHARED, data, picture, write_pair
from PIL import Image

from vsr_data import DataError, TrainingStream, open_training, open_validation
from vsr_data.degradation import degrade
from vsr_data.footage import png
from vsr_data.footage.png import MAX_PIXELS, check_png, read_rgb


def test_pairs_are_read_oldest_frame_first(tmp_path):
    frames = {name: write_pair(tmp_path, name) for name in ("b", "a")}
    footage = open_training(data(tmp_path, tmp_path), MODEL)
    assert [(clip.name, clip.windows, clip.lq_size, clip.gt_size) for clip in footage.clips] == [
        ("a", 1, (16, 16), (48, 48)),
        ("b", 1, (16, 16), (48, 48)),
    ]
    for clip in footage.clips:
        lq_THWC, gt_HWC = clip.window(0)
        assert np.array_equal(gt_HWC, frames[clip.name][2])
        assert np.array_equal(lq_THWC, [degrade(frame, 3, "area") for frame in frames[clip.name]])
        assert clip.origin(0) == clip.source == str(tmp_path / f"Patches/GT/{clip.name}.png")


def test_validation_takes_its_lr_from_val_or_else_from_patches(tmp_path):
    write_pair(tmp_path, "a", part="Val")
    write_pair(tmp_path, "b", part="Val")
    write_pair(tmp_path, "b")
    write_pair(tmp_path, "c")
    section = data(tmp_path, tmp_path)
    assert [clip.name for clip in open_validation(section, MODEL).clips] == ["a", "b"]
    for name in ("a", "b"):
        (tmp_path / f"Val/LR/{name}.png").unlink()
    (tmp_path / "Val/LR").rmdir()
    footage = open_validation(section, MODEL)
    assert [clip.name for clip in footage.clips] == ["b"]
    assert [item.path for item in footage.rejected] == [str(tmp_path / "Val/GT/a.png")]


def damage(path, how):
    content = path.read_bytes()
    match how:
        case "empty":
            path.write_bytes(b"")
        case "text":
            path.write_text("version https://example.org")
        case "cut":
            path.write_bytes(content[: len(content) // 2])
        case "flipped":
            middle = len(content) // 2
            path.write_bytes(
                content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
            )
        case "wrong size":
            Image.fromarray(picture(45, 45)).save(path)
        case "odd size":
            Image.fromarray(picture(47, 48)).save(path)
        case "missing":
            path.unlink()
        case "bomb":
            side = int(MAX_PIXELS**0.5) + 1
            body = b"IHDR" + side.to_bytes(4) * 2 + content[24:29]
            path.write_bytes(content[:12] + body + zlib.crc32(body).to_bytes(4) + content[33:])
        case "folder":
            path.unlink()
            path.mkdir()


REASONS = {
    "empty": "it is empty",
    "text": "it is not a PNG file",
    "cut": "it is cut off; its end is missing",
    "flipped": "it is damaged; a checksum does not match",
    "bomb": "it has 8193×8193 pixels; at most 67 megapixels can be used",
    "folder": "it is a folder",
}


@pytest.mark.parametrize("side", ["GT", "LR"])
@pytest.mark.parametrize("how", [*REASONS, "wrong size", "missing"])
def test_bad_pairs_are_named_and_good_ones_used(tmp_path, side, how):
    write_pair(tmp_path, "bad")
    write_pair(tmp_path, "good")
    damage(tmp_path / "Patches" / side / "bad.png", how)
    footage = open_training(data(tmp_path, tmp_path), MODEL)
    assert [clip.name for clip in footage.clips] == ["good"]
    (item,) = footage.rejected
    assert item.path.endswith("bad.png")
    if how in REASONS:
        assert REASONS[how] in item.reason
    else:
        assert "its partner" in item.reason or "no partner" in item.reason


def test_sizes_that_do_not_belong_together_are_explained(tmp_path):
    write_pair(tmp_path, "seven", n_frames=7)
    write_pair(tmp_path, "small", side=8)
    write_pair(tmp_path, "odd")
    damage(tmp_path / "Patches/GT/odd.png", "odd size")
    with pytest.raises(DataError) as caught:
        open_training(data(tmp_path, tmp_path, patch=12), MODEL)
    text = str(caught.value)
    assert "is 16×112; 5 frames of 16×16, one above the other, are 16×80" in text
    assert "low-resolution frames are 8×8; data.patch = 12 needs 12×12" in text
    assert "it is 48×47; both sides must be multiples of model.scale = 3" in text


def test_missing_folders_are_named(tmp_path):
    (tmp_path / "Patches").mkdir()
    with pytest.raises(DataError, match=r"data\.train = .*no \.png in .*Patches/GT"):
        open_training(data(tmp_path, tmp_path), MODEL)
    with pytest.raises(DataError, match=r"data\.val = .*no \.png in .*Val/GT"):
        open_validation(data(tmp_path, tmp_path), MODEL)
    write_pair(tmp_path, "a")
    (tmp_path / "Patches/LR/a.png").unlink()
    with pytest.raises(DataError, match=r"no \.png in .*Patches/LR"):
        open_training(data(tmp_path, tmp_path), MODEL)


def test_a_picture_damaged_while_training_is_a_message(tmp_path):
    write_pair(tmp_path, "a")
    footage = open_training(data(tmp_path, tmp_path), MODEL)
    stream = TrainingStream(
        footage, n_frames=5, scale=3, patch=8, seed=0, batch_size=1, accumulation_steps=1
    )
    stream.sample(0, 0)
    for how in ("cut", "wrong size", "missing"):
        write_pair(tmp_path, "a")
        damage(tmp_path / "Patches/GT/a.png", how)
        with pytest.raises(DataError, match=r"picture .*Patches/GT/a\.png.*restore the file"):
            stream.sample(0, 0)


def test_every_mode_becomes_eight_bit_rgb(tmp_path):
    pixels = picture(6, 7)
    grey = pixels[..., 0]
    path = tmp_path / "x.png"
    for image, expected in [
        (Image.fromarray(pixels), pixels),
        (Image.fromarray(np.dstack([pixels, grey])), pixels),
        (Image.fromarray(grey), np.dstack([grey] * 3)),
        (Image.fromarray(np.dstack([grey, grey]), "LA"), np.dstack([grey] * 3)),
        (Image.fromarray(grey.astype(np.uint16) * 257), np.dstack([grey] * 3)),
        (Image.fromarray(grey > 127), np.dstack([(grey > 127).astype(np.uint8) * 255] * 3)),
        (Image.fromarray(pixels).quantize(64), None),
    ]:
        image.save(path)
        rgb_HWC = read_rgb(path)
        assert rgb_HWC.shape == (6, 7, 3)
        assert rgb_HWC.dtype == np.uint8
        if expected is not None:
            assert np.array_equal(rgb_HWC, expected)


CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # samples of a pixel, by PNG colour type


def deep_png(path, deep_HWC, colour):
    """Write 16-bit samples, which Pillow cannot."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + zlib.crc32(kind + body).to_bytes(4)

    height, width = deep_HWC.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep_HWC)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


@pytest.mark.parametrize("colour", CHANNELS)
def test_sixteen_bits_are_rounded_to_eight(tmp_path, colour):
    shape = (64, 67, CHANNELS[colour])
    deep_HWC = np.random.default_rng(colour).integers(0, 65536, shape, dtype=np.uint16)
    deep_HWC.flat[:4] = 0, 65535, 128, 129  # the ends, and both sides of a half
    path = tmp_path / "x.png"
    deep_png(path, deep_HWC, colour)
    seen = deep_HWC[..., :3] if colour in {2, 6} else np.repeat(deep_HWC[..., :1], 3, axis=2)
    assert np.array_equal(read_rgb(path), np.rint(seen / 257).astype(np.uint8))


def test_what_is_no_picture_is_not_read(tmp_path):
    write_pair(tmp_path, "good")
    for name in ("pipe", "device", "gone", "huge", "endless"):
        write_pair(tmp_path, name)
        (tmp_path / f"Patches/GT/{name}.png").unlink()
    os.mkfifo(tmp_path / "Patches/GT/pipe.png")
    (tmp_path / "Patches/GT/device.png").symlink_to("/dev/zero")
    (tmp_path / "Patches/GT/gone.png").symlink_to(tmp_path / "nowhere")
    for name, start in (("huge", b""), ("endless", b"\x89PNG\r\n\x1a\n")):
        (tmp_path / f"Patches/GT/{name}.png").write_bytes(start)
        os.truncate(tmp_path / f"Patches/GT/{name}.png", 1 << 40)
    footage = open_training(data(tmp_path, tmp_path), MODEL)
    assert [clip.name for clip in footage.clips] == ["good"]
    assert {Path(item.path).stem: item.reason.split(";")[0] for item in footage.rejected} == {
        "device": "it is not a regular file",
        "endless": "it has 1099512 MB",
        "gone": "it cannot be read: No such file or directory",
        "huge": "it has 1099512 MB",
        "pipe": "it is not a regular file",
    }


def test_a_file_is_read_block_by_block(tmp_path, monkeypatch):
    path = tmp_path / "x.png"
    Image.fromarray(picture(40, 50)).save(path)
    monkeypatch.setattr(png, "BLOCK", 100)
    counts = []
    exactly = png._exactly
    monkeypatch.setattr(png, "_exactly", lambda file, n: (counts.append(n), exactly(file, n))[1])
    assert check_png(path) == (40, 50)
    assert max(counts) == 100


def test_names_that_differ_in_case_only_are_two_clips(tmp_path):
    write_pair(tmp_path, "a")
    for part in ("GT", "LR"):
        folder = tmp_path / "Patches" / part
        (folder / "a.PNG").write_bytes((folder / "a.png").read_bytes())
    if len(list((tmp_path / "Patches/GT").iterdir())) == 1:
        pytest.skip("this file system knows no difference of case")
    names = [clip.name for clip in open_training(data(tmp_path, tmp_path), MODEL).clips]
    assert names == ["a.PNG", "a.png"]


@pytest.mark.skipif(not SHARED.is_dir(), reason="shared/data is not beside the checkout")
@pytest.mark.parametrize("name", ["truncated", "badcrc", "empty", "text"])
def test_real_broken_pictures_are_named(tmp_path, name):
    write_pair(tmp_path, "good")
    write_pair(tmp_path, "bad")
    broken = (SHARED / "broken" / f"synth_{name}.png").read_bytes()
    (tmp_path / "Patches/GT/bad.png").write_bytes(broken)
    footage = open_training(data(tmp_path, tmp_path), MODEL)
    assert [Path(item.path).name for item in footage.rejected] == ["bad.png"]
