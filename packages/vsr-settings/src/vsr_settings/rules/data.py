"""Rules of what is read: frames, and the files that settings name."""

from collections.abc import Iterator

from vsr_settings.degradation import pipeline_of
from vsr_settings.kinds import listed
from vsr_settings.paths import has_patches, holds_out, is_file, takes_in
from vsr_settings.rules.rule import Violation, rule
from vsr_settings.schema import Settings

_PLAIN = ("bicubic", "area", "clean")
"""Degradations that reduce and do nothing else."""
_PARTS = ("blur", "noise", "interlace", "codec")
_LAST_FRAME = 999_999_999
"""The largest number that a range of frames may hold."""


@rule("loss.perceptual_sha256", "loss.perceptual_weights")
def digest_of_file(settings: Settings) -> Iterator[Violation]:
    """`perceptual_sha256` goes with a file in `perceptual_weights`."""
    loss = settings.loss
    if loss.perceptual_sha256 is not None and loss.perceptual_weights == "imagenet":
        yield Violation(
            "perceptual_sha256 vouches for a file, but perceptual_weights is 'imagenet', whose "
            "digest is known",
            "leave it out, or name the file in loss.perceptual_weights",
        )


@rule("loss.perceptual_weights", "loss.perceptual_weight", files=True)
def perceptual_file_exists(settings: Settings) -> Iterator[Violation]:
    """`perceptual_weights` is `imagenet` or exists, where there is a perceptual loss."""
    loss = settings.loss
    if loss.perceptual_weight == 0 or loss.perceptual_weights == "imagenet":
        return
    if is_file(loss.perceptual_weights):
        return
    others = loss.l1_weight or loss.ms_weight or loss.grad_weight
    yield Violation(
        "perceptual_weights must be 'imagenet' or the path of a file that exists, got "
        f"{loss.perceptual_weights!r}",
        "mend the path"
        + (", or write loss.perceptual_weight = 0 to train without VGG16" if others else ""),
    )


@rule("data.train_frames", "data.train")
def frames_of_one_source(settings: Settings) -> Iterator[Violation]:
    """`train_frames` goes with one source as text; in a list each has `frames` of its own."""
    data = settings.data
    if not isinstance(data.train, str) and data.train_frames != ":":
        yield Violation(
            f"train_frames, {data.train_frames!r}, is for one source as text, but train is a list "
            f"of {len(data.train)}",
            f'leave it out, and write frames = "{data.train_frames}" in the tables of data.train',
        )


@rule("model.n_frames", "data.train_frames", "data.val_frames", "data.train")
def ranges_hold_a_window(settings: Settings) -> Iterator[Violation]:
    """`train_frames`, `val_frames` and each source's `frames` hold a window of `n_frames`."""
    data = settings.data
    ranges: list[tuple[str, tuple[str, ...], str]] = [("data.val_frames", (), data.val_frames)]
    if isinstance(data.train, str):
        ranges.insert(0, ("data.train_frames", (), data.train_frames))
    else:
        ranges += [
            ("data.train", (str(number), "frames"), source.frames)
            for number, source in enumerate(data.train)
        ]
    for path, inside, text in ranges:
        yield from _too_short(path, inside, text, settings.model.n_frames)


def _too_short(path: str, inside: tuple[str, ...], text: str, frames: int) -> Iterator[Violation]:
    """Say where a range of frames holds no window."""
    first, stop = _range(text)
    if stop - first >= frames:
        return
    length = max(0, int(stop - first))
    start = min(first, _LAST_FRAME - frames)
    name = inside[-1] if inside else path.partition(".")[2]
    yield Violation(
        f"{name} must hold a window of model.n_frames, {frames}, but {text!r} holds {length}",
        f'write {name if inside else path} = "{start}:{start + frames}" or longer',
        (path, "model.n_frames"),
        inside,
    )


@rule(
    "data.val_frames",
    "data.train_frames",
    "data.val",
    "data.train",
    files=True,
    after=(ranges_hold_a_window, frames_of_one_source),
)
def validation_held_out(settings: Settings) -> Iterator[Violation]:
    """No frame is both trained on and validated; some sources see to it themselves: `holds_out`."""
    data = settings.data
    val = _range(data.val_frames)
    for number, source in enumerate(data.sources("train")):
        one, other = source.path, data.val
        if one == "demo" or not (takes_in(one, other) or takes_in(other, one)):
            continue
        train = _range(source.frames)
        if train[1] <= val[0] or val[1] <= train[0] or holds_out(source.path):
            continue
        is_text = isinstance(data.train, str)
        name = "train_frames" if is_text else "frames"
        yield Violation(
            f"what is validated must not be trained on, but val_frames, {data.val_frames!r}, and "
            f"{name}, {source.frames!r}, share frames of {source.path!r}",
            f'write {"data.train_frames" if is_text else "frames"} = ":64" and data.val_frames = '
            '"64:", or another data.val',
            () if is_text else ("data.train", "data.val_frames", "data.val"),
            () if is_text else (str(number), "frames"),
        )


def cautions(settings: Settings, *, files: bool) -> Iterator[str]:
    """A sentence for everything about footage that is allowed and hardly meant.

    Args:
        settings: Resolved settings.
        files: Whether to look at the disk.
    """
    data = settings.data
    pipeline = pipeline_of(data.degradation)
    is_blurred = pipeline.blur is not None and pipeline.blur.share == 1 and not pipeline.clean_share
    if pipeline.resize == "subsample" and not is_blurred:
        yield (
            "data.degradation.resize is 'subsample', which makes edges jagged wherever there is no "
            'blur before it; the literature\'s is blur = {kind = "gaussian", sigma = 1.6}'
        )
    parts = tuple(name for name in _PARTS if getattr(pipeline, name) is not None)
    if parts and pipeline.clean_share == 1:
        acting = listed(parts, "and")
        yield f"data.degradation.clean_share is 1, which leaves every take without its {acting}"
    if files and data.degradation not in _PLAIN:
        for source in data.sources("train"):
            if has_patches(source.path):
                yield (
                    f"data.degradation does nothing for {source.path!r}: its low-resolution "
                    "pictures are ready-made, and taken as they are"
                )


def _range(text: str) -> tuple[int, float]:
    first, _, stop = text.partition(":")
    return int(first or 0), int(stop) if stop else float("inf")
