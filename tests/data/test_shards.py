"""Shards as a source: read at any place, checked, divided among ranks; ours and other people's."""

import io
import json
import os
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
import webdataset
from data.makers import noise_video, picture
from data.test_prepare import files, held_out, prepare, rows, section
from PIL import Image
from webdataset.tariterators import group_by_keys, tar_file_iterator

from vsr_data import DataError, TrainingStream, check_sources, open_training, open_validation
from vsr_data.degradation import degrade
from vsr_data.footage.manifest import MANIFEST

PATCH = 8


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Sixteen training windows in several shards, and validation windows of two films."""
    place = tmp_path_factory.mktemp("prepared")
    (place / "films").mkdir()
    for name, frames in (("a", 9), ("b", 12), ("c", 7)):
        noise_video(place / "films" / f"{name}.mkv", frames)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vsr_data.commands.prepare.MEGABYTE", 40_000)
        val = held_out(place / "films")
        args = ["--layout=shards", "--windows=16", "--shard-mb=1", f"--val={val}"]
        assert prepare(place, place / "films", place / "out", *args) == 0
    return place


@pytest.fixture
def shards(prepared, tmp_path):
    """A copy that may be spoilt."""
    out = tmp_path / "shards"
    for name, data in files(prepared / "out").items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(data)
    return out


def training(place, **more):
    settings = section(place.parent, place, **more)
    return open_training(settings.data, settings.model)


def validation(place, **more):
    settings = section(place.parent, place, **more)
    return open_validation(settings.data, settings.model)


def stream(footage, **how):
    values = {"batch_size": 2, "accumulation_steps": 4, "seed": 7, **how}
    return TrainingStream(footage, n_frames=5, scale=3, patch=PATCH, **values)


def decoded(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def read_by_webdataset(paths) -> dict[str, dict]:
    """The judge: what WebDataset's own reader finds, by key."""
    found = {}
    for path in paths:
        with path.open("rb") as file:  # its own opening leaves files to the garbage collector
            members = ({**one, "__url__": str(path)} for one in tar_file_iterator(file))
            found.update((sample["__key__"], sample) for sample in group_by_keys(members))
    return found


def test_webdataset_reads_the_same_samples(prepared):
    out = prepared / "out"
    footage = training(out)
    samples = read_by_webdataset(sorted(out.glob("train-*.tar")))
    ours = [clip.window(i) for clip in footage.clips for i in range(clip.windows)]
    train = [row for row in rows(out) if row["role"] == "train"]
    assert list(samples) == [row["key"] for row in train]
    for row, (lq_THWC, gt_HWC) in zip(train, ours, strict=True):
        sample = samples[row["key"]]
        assert np.array_equal(decoded(sample["gt.png"]), gt_HWC)
        assert np.array_equal(decoded(sample["lq.png"]), lq_THWC.reshape(-1, PATCH, 3))
        told = json.loads(sample["json"])
        assert told == {key: row[key] for key in row if key not in {"gt", "lq"}}


def test_a_clip_is_a_shard_and_says_where_a_window_is_from(prepared):
    footage = training(prepared / "out")
    assert [clip.name for clip in footage.clips] == [
        path.stem for path in sorted((prepared / "out").glob("train-*.tar"))
    ]
    first = rows(prepared / "out")[0]
    origin = footage.clips[0].origin(0)
    assert origin.startswith(f"{prepared / 'out' / 'train-000000.tar'} {first['key']}, ")
    assert origin.endswith(f"{first['source']} frame {first['frame']}")
    with pytest.raises(IndexError):
        footage.clips[0].window(footage.clips[0].windows)


def test_shards_are_checked_before_anything_is_decoded(prepared, monkeypatch):
    settings = section(prepared, prepared / "out")
    monkeypatch.setattr("vsr_data.footage.shard_clip.decoded_rgb", None)
    assert check_sources(settings.data, settings.model) == []


def test_bytes_that_changed_are_never_trained_on(shards):
    row = rows(shards)[1]
    for side in ("gt", "lq"):
        path = shards / row[side]["file"]
        before = path.read_bytes()
        changed = bytearray(before)
        changed[row[side]["offset"] + row[side]["n_bytes"] // 2] ^= 1
        clip = training(shards).clips[0]
        path.write_bytes(bytes(changed))
        clip.window(0)
        with pytest.raises(DataError, match=rf"{row['key']}.*have changed on the disk; restore"):
            clip.window(1)
        path.write_bytes(before)
        clip.window(1)


def test_a_picture_is_compared_once_in_a_process(shards, monkeypatch):
    import hashlib

    clip = training(shards).clips[0]
    compared, sha256 = [], hashlib.sha256
    monkeypatch.setattr(hashlib, "sha256", lambda data: (compared.append(1), sha256(data))[1])
    for _ in range(3):
        clip.window(0)
    assert len(compared) == 2  # both sides
    pickle.loads(pickle.dumps(clip)).window(0)  # noqa: S301 - packed just now
    assert len(compared) == 4  # another process compares for itself


def test_a_shard_cut_short_under_a_run_is_a_message(shards):
    clip = training(shards).clips[0]
    path = shards / "train-000000.tar"
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(DataError, match="cut short; restore the file, or prepare it again"):
        clip.window(0)
    path.unlink()
    with pytest.raises(DataError, match="cannot be read: No such file"):
        clip.window(0)


def test_bad_shards_are_listed_and_the_others_are_used(shards):
    whole = training(shards)
    (shards / "train-000000.tar").unlink()
    path = shards / "train-000001.tar"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    (shards / "extra.tar").write_bytes(b"")
    footage = training(shards)
    assert len(footage.clips) == len(whole.clips) - 2
    reasons = {Path(item.path).name: item.reason for item in footage.rejected}
    assert "No such file" in reasons["train-000000.tar"]
    assert "copy or prepare it again" in reasons["train-000001.tar"]
    assert "does not list it" in reasons["extra.tar"]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda text: text.replace('"y":', '"z":', 1), "its lines are not those"),
        (lambda text: text.replace('"format":1', '"format":9'), "only 1 is read"),
        (lambda text: text[: len(text) // 2], "cannot be used"),
        (lambda _: "", "is not a manifest"),
        (lambda _: "[1, 2]\n", "is not a manifest"),
    ],
    ids=["a word", "format", "cut", "empty", "a list"],
)
def test_a_manifest_that_is_not_as_it_was_written_is_refused(shards, spoil, reason):
    text = (shards / MANIFEST).read_text()
    (shards / MANIFEST).write_text(spoil(text))
    with pytest.raises(DataError, match=reason):
        training(shards)


def test_windows_for_another_network_are_refused(prepared):
    settings = section(prepared, prepared / "out")
    for change in ({"n_frames": 3}, {"scale": 2}):
        model = settings.model.model_copy(update=change)
        with pytest.raises(DataError, match=r"for model\.scale = 3 and model\.n_frames = 5"):
            open_training(settings.data, model)


def test_a_patch_larger_than_the_windows_is_refused(prepared):
    with pytest.raises(DataError, match=r"lower data\.patch to at most 8"):
        training(prepared / "out", patch=9)


def test_a_folder_without_validation_windows_says_how_to_get_some(tmp_path):
    films = tmp_path / "films"
    films.mkdir()
    noise_video(films / "a.mkv", 6)
    assert prepare(tmp_path, films, tmp_path / "out", "--layout=shards") == 0
    with pytest.raises(DataError, match="prepare it with --val SOURCE"):
        validation(tmp_path / "out")


@pytest.mark.parametrize("layout", ["pictures", "shards"])
def test_a_folder_that_is_not_finished_is_refused(tmp_path, layout):
    from vsr_data.footage.manifest import UNFINISHED

    (tmp_path / "out" / UNFINISHED).mkdir(parents=True)
    if layout == "pictures":
        (tmp_path / "out" / "Patches").mkdir()
    with pytest.raises(DataError, match="not finished"):
        training(tmp_path / "out")


# What a step sees, whoever looks.


@pytest.mark.parametrize("workers", [0, 1])
def test_a_step_is_the_same_for_any_number_of_processes(prepared, workers):
    footage = training(prepared / "out")
    whole = [
        sample
        for batch in next(stream(footage, batch_size=8, accumulation_steps=1).steps(3, 4))
        for sample in batch[0]
    ]
    for world, batch_size in ((1, 2), (2, 2), (4, 2), (8, 1), (2, 4)):
        steps = 8 // world // batch_size
        found = {}
        for rank in range(world):
            shared = {"rank": rank, "world_size": world, "workers": workers if world == 2 else 0}
            one = stream(footage, batch_size=batch_size, accumulation_steps=steps, **shared)
            for micro, batch in enumerate(next(one.steps(3, 4))):
                for i, sample in enumerate(batch[0]):
                    found[(micro * world + rank) * batch_size + i] = sample
        assert all(np.array_equal(found[i], whole[i]) for i in range(8))


def test_ranks_read_shards_of_their_own(prepared):
    """Of so many shards, a rank of two reads half, and at most one more for each micro-batch."""
    footage = training(prepared / "out")
    ends = np.array(footage.window_ends())
    read = []
    for rank in range(2):
        one = stream(footage, accumulation_steps=1, batch_size=4, rank=rank, world_size=2)
        windows = [one.window(step, rank * 4 + i) for step in range(60) for i in range(4)]
        read.append(set(np.searchsorted(ends, windows, side="right").tolist()))
    assert read[0] | read[1] == set(range(len(footage.clips)))
    assert len(read[0] & read[1]) <= 1


def test_every_window_is_as_likely_as_any_other(prepared):
    footage = training(prepared / "out")
    one = stream(footage, batch_size=3, accumulation_steps=1)
    counts = np.bincount([one.window(step, i) for step in range(2000) for i in range(3)])
    expected = 6000 / footage.windows
    assert len(counts) == footage.windows
    assert np.all(np.abs(counts - expected) < 5 * np.sqrt(expected))


def test_windows_set_aside_are_not_drawn_even_where_a_part_has_no_other(prepared):
    footage = training(prepared / "out")
    one = stream(footage)
    one.set_aside(range(footage.windows // 2))
    drawn = {one.window(0, i) for i in range(8)}
    assert min(drawn) >= footage.windows // 2


# Shards of others.


def tar_of(path: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def sample(number: int, side: int = 10, n_frames: int = 5) -> tuple[dict[str, bytes], tuple]:
    gt = [picture(3 * side, 3 * side, 100 * number + t) for t in range(n_frames)]
    lq = np.stack([degrade(frame, 3, "area") for frame in gt])
    members = {"gt.png": png(gt[n_frames // 2]), "lq.png": png(lq.reshape(-1, side, 3))}
    return members, (lq, gt[n_frames // 2])


def test_shards_that_webdataset_wrote_need_no_manifest(tmp_path):
    place = tmp_path / "foreign"
    place.mkdir()
    written = []
    pattern = str(place / "set-%06d.tar")
    with webdataset.ShardWriter(pattern, maxcount=2, verbose=0) as writer:
        for number in range(5):
            members, window = sample(number)
            writer.write({"__key__": f"films/sample{number}", **members, "txt": b"a rose"})
            written.append(window)
    footage = training(place)
    assert [clip.windows for clip in footage.clips] == [2, 2, 1]
    seen = [clip.window(i) for clip in footage.clips for i in range(clip.windows)]
    for (lq, gt), (lq_THWC, gt_HWC) in zip(written, seen, strict=True):
        assert np.array_equal(lq, lq_THWC)
        assert np.array_equal(gt, gt_HWC)
    assert footage.clips[1].origin(1).endswith("set-000001.tar films/sample3")
    assert training(place / "set-000002.tar").windows == 1


def test_damage_in_a_shard_without_digests_is_met_by_the_pictures_own(tmp_path):
    place = tmp_path / "foreign"
    place.mkdir()
    tar_of(place / "a.tar", {f"x.{name}": data for name, data in sample(0)[0].items()})
    clip = training(place).clips[0]
    data = bytearray((place / "a.tar").read_bytes())
    data[512 + 600] ^= 1
    (place / "a.tar").write_bytes(bytes(data))
    with pytest.raises(DataError, match="sample x of shard .*no longer usable"):
        clip.window(0)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"x.jpg": b"1", "x.cls": b"2"}, r"its samples have \.cls, \.jpg; a sample must have"),
        ({}, "its samples have no members"),
        ({"x.gt.png": b"text", "x.lq.png": b"text"}, "sample 'x': it is not a PNG file"),
        (sample(0, n_frames=3)[0], "its gt is 30×30 and its lq 10×30"),
    ],
)
def test_shards_that_are_no_windows_are_refused_with_the_reason(tmp_path, members, reason):
    place = tmp_path / "foreign"
    place.mkdir()
    named = {name if name.startswith("x.") else f"x.{name}": data for name, data in members.items()}
    tar_of(place / "a.tar", named)
    with pytest.raises(DataError, match=reason):
        training(place)


def test_what_is_no_tar_file_or_compressed_is_refused(tmp_path):
    place = tmp_path / "foreign"
    place.mkdir()
    (place / "a.tar.gz").write_bytes(b"\x1f\x8b")
    with pytest.raises(DataError, match=r"compressed.*unpack them to \.tar"):
        training(place)
    (place / "b.tar").write_bytes(b"no tar file at all" * 100)
    with pytest.raises(DataError, match="it is not a readable tar file"):
        training(place)


def test_windows_are_numbers_and_not_objects(tmp_path):
    """A window is less than a hundred bytes, and no file is kept open for it."""
    members, _ = sample(0, side=8)
    place = tmp_path / "foreign"
    place.mkdir()
    tar_of(
        place / "a.tar",
        {f"{i:06}.{name}": data for i in range(1000) for name, data in members.items()},
    )
    (clip,) = training(place).clips
    assert clip.windows == 1000
    assert len(pickle.dumps(clip)) < 1000 * 100
    lowest_free = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest_free)
    for i in range(20):
        clip.window(i)
    again = os.open(os.devnull, os.O_RDONLY)
    os.close(again)
    assert again == lowest_free


def test_a_pattern_names_shards(prepared):
    footage = training(prepared / "out/train-*.tar")
    assert footage.windows == training(prepared / "out").windows
