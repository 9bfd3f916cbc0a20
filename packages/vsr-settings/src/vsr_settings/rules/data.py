"""Rules of what is read: frames, and the files that settings name."""

from collections.abc import Iterator

from vsr_settings.paths import has_patches, is_file, same_path
from vsr_settings.rules.rule import Violation, rule
from vsr_settings.schema import Settings

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


@rule("model.n_frames", "data.train_frames", "data.val_frames")
def ranges_hold_a_window(settings: Settings) -> Iterator[Violation]:
    """`train_frames` and `val_frames` hold at least one window of `n_frames`."""
    frames = settings.model.n_frames
    data = settings.data
    for name, text in (("train_frames", data.train_frames), ("val_frames", data.val_frames)):
        first, stop = _range(text)
        if stop - first >= frames:
            continue
        length = max(0, int(stop - first))
        start = min(first, _LAST_FRAME - frames)
        yield Violation(
            f"{name} must hold a window of model.n_frames, {frames}, but {text!r} holds {length}",
            f'write data.{name} = "{start}:{start + frames}" or longer',
            (f"data.{name}", "model.n_frames"),
        )


@rule(
    "data.val_frames",
    "data.train_frames",
    "data.val",
    "data.train",
    files=True,
    after=(ranges_hold_a_window,),
)
def validation_held_out(settings: Settings) -> Iterator[Violation]:
    """No frame is both trained on and validated; `demo` and `Patches/` see to it themselves."""
    data = settings.data
    val = _range(data.val_frames)
    for source in data.sources("train"):
        if source.path == "demo" or not same_path(source.path, data.val):
            continue
        train = _range(source.frames)
        if has_patches(source.path) or train[1] <= val[0] or val[1] <= train[0]:
            continue
        yield Violation(
            f"what is validated must not be trained on, but val_frames, {data.val_frames!r}, and "
            f"train_frames, {source.frames!r}, share frames of {source.path!r}",
            'write data.train_frames = ":64" and data.val_frames = "64:", or another data.val',
        )


def _range(text: str) -> tuple[int, float]:
    first, _, stop = text.partition(":")
    return int(first or 0), int(stop) if stop else float("inf")
