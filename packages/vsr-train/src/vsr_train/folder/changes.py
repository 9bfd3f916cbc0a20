"""What differs between a checkpoint and the run that goes on from it: settings and footage.

Settings win for what may change, and each difference is said; the network may not change. The
stored text is read without rules: what they refuse today was allowed when it was written.
"""

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import ValidationError

from vsr_data import Footage, validation_places
from vsr_settings import Model, Settings, Train
from vsr_settings.fields import Fact, facts, inner_path
from vsr_settings.writing import plain, toml_value
from vsr_train.errors import RunError
from vsr_train.folder.best import missing_best
from vsr_train.folder.contents import UnsoundError
from vsr_train.folder.layout import RunFolder
from vsr_train.step import learning_rate

Values = Mapping[str, Any]
"""Stored settings by path, such as `train.max_steps`; those of other versions among them."""

_SCHEDULE = ("train.max_steps", "train.max_lr", "train.min_lr", "train.warmup_steps")
_FREE = {"run.name", "run.dir"}
"""What tells where a run is, not what it is."""

_READ_BY: Final = {"cuts", "interlaced", "hdr", "bars"}
"""Settings of `[data]` that decide which frames there are, and what they look like."""

_LONGEST = 60

_BEFORE: Final[Values] = {
    "model.align": "none",
    "data.cuts": "off",
    "data.interlaced": "keep",
    "data.hdr": "keep",
    "data.bars": "keep",
    "data.windows": "uniform",
}
"""What was so before there was a setting for it, where its default is something else."""


def stored_settings(text: Any) -> Values:
    """Read the settings that a checkpoint holds, as they were written.

    Raises:
        UnsoundError: if they are no text of settings.
    """
    try:
        tables = tomllib.loads(text)
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        raise UnsoundError("settings", f"they are not TOML ({error})") from error
    said = {
        f"{section}.{name}": value
        for section, table in tables.items()
        if isinstance(table, dict)
        for name, value in table.items()
    }
    return {**_BEFORE, **said}


def refuse_other_network(path: Path, values: Values, model: Model) -> None:
    """Refuse a checkpoint of another network.

    Raises:
        RunError: if it is.
        UnsoundError: if what it says is no network at all.
    """
    try:
        said = {name: values[f"model.{name}"] for name in Model.model_fields if _has(values, name)}
        theirs = Model.model_validate(said).model_copy(update={"recompute": model.recompute})
    except ValidationError as error:
        raise UnsoundError("settings", "[model] is no network") from error
    if theirs.model_copy(update={"align": model.align}) != model:
        got, want = (
            f"{each.n_feats} features, {each.n_blocks} blocks, {each.n_frames} frames, "
            f"×{each.scale}"
            for each in (theirs, model)
        )
        raise RunError(
            f"checkpoint {str(path)!r} holds another network ({got}) than [model] ({want}); "
            "correct [model], or start a run of another name"
        )
    if theirs.align != model.align:
        takes = "; or start a run of another name from its weights, which --init takes"
        raise RunError(
            f"checkpoint {str(path)!r} holds a network of model.align = {toml_value(theirs.align)},"
            f" and [model] says {toml_value(model.align)}; to go on with it, set model.align = "
            f"{toml_value(theirs.align)}{takes if theirs.align == 'none' else ''}"
        )


def changed_settings(values: Values, settings: Settings, updates: int) -> list[str]:
    """Say which settings differ from those of a checkpoint, and what the learning rate does.

    Args:
        values: the checkpoint's.
        settings: the run's, resolved.
        updates: that took effect so far.

    Returns:
        A line for each difference; those of the schedule share one.

    Raises:
        UnsoundError: if the checkpoint's schedule is none.
    """
    changed = {
        path: f"{path} {_shown(was)} → {_shown(now)}"
        for path, was, now in _differences(values, settings)
        if path not in _FREE
    }
    schedule = [changed.pop(path) for path in _SCHEDULE if path in changed]
    lines = [f"changed since the checkpoint: {change}" for change in changed.values()]
    if schedule:
        try:
            was = learning_rate(updates, _train_then(values, settings.train))
        except ValueError as error:  # pydantic's is one, too
            raise UnsoundError("settings", "[train] has no schedule") from error
        now = learning_rate(updates, settings.train)
        lines.append(
            f"changed since the checkpoint: {', '.join(schedule)}: the learning rate goes from "
            f"{was:.1e} to {now:.1e} with the next step"
        )
    return lines


def fingerprints(settings: Settings, training: Footage, validation: Footage) -> dict[str, str]:
    """Return what tells footage apart: clips, sizes, windows, files, and how they are cut."""
    data = settings.data
    frames = [source.frames for source in data.sources("train")]
    degradation = data.model_dump(mode="json")["degradation"]
    measured: list[Any] = [data.val_frames, degradation, data.val_windows, data.val_border]
    places = validation_places(validation.clips, data.val_windows, data.val_most)
    if places != validation_places(validation.clips, data.val_windows):  # as with `read` below
        measured.append(places)
    # left out where they are as by default, as versions before there was a choice left them out
    read = data.model_dump(include=_READ_BY, exclude_defaults=True)
    read_by = [sorted(read.items())] if read else []
    return {
        "training": _fingerprint(training, [*frames, *read_by]),
        "validation": _fingerprint(validation, [*measured, *read_by]),
    }


def is_same_footage(
    part: Literal["training", "validation"],
    then: Mapping[str, str],
    now: Mapping[str, str],
    values: Values,
    settings: Settings,
) -> bool:
    """Tell whether a part of the footage is what it was.

    Args:
        part: of the footage.
        then: the checkpoint's fingerprints; where it has none, being of format 1, the settings
            that name the footage decide.
        now: the run's.
        values: the checkpoint's settings.
        settings: the run's.
    """
    if part in then:
        return then[part] == now[part]
    names = ("train", "train_frames") if part == "training" else ("val", "val_frames")
    return all(values.get(f"data.{name}") == getattr(settings.data, name) for name in names)


def kept_of(
    stored: Mapping[str, Any],
    settings: Settings,
    folder: RunFolder,
    footage: Mapping[str, str],
    *,
    is_of_this_run: bool,
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what is taken from a checkpoint, and a line for everything that is not or differs.

    Args:
        stored: the checkpoint, as `read_state` returns it.
        settings: the run, resolved.
        folder: of the run.
        footage: the run's fingerprints.
        is_of_this_run: whether the checkpoint is this run's own.
    """
    values = stored_settings(stored["settings"])
    kept = dict(stored)
    lines = changed_settings(values, settings, stored["step"] - stored["skipped"])
    then = stored["footage"]
    if not is_same_footage("training", then, footage, values, settings):
        dropped = f"; {len(kept['aside'])} windows set aside are drawn again" * bool(kept["aside"])
        lines.append(f"changed since the checkpoint: the training footage{dropped}")
        kept["aside"] = []
    if not is_of_this_run:
        kept |= {"best": {}, "watch": {}, "interval": {}}
        lines.append("the checkpoint is another run's: best and the watch begin anew")
    elif not is_same_footage("validation", then, footage, values, settings):
        kept["best"] = {}
        if kept["watch"]:
            kept["watch"] = {**kept["watch"], "validations": []}
        lines.append(
            "changed since the checkpoint: the validation footage, or how it is measured; best "
            "and what the watch knows of validations begin anew"
        )
    elif kept["best"] and (what := missing_best(folder, kept)):
        kept["best"] = {}
        lines.append(f"{what}: best begins anew")
    if kept["watch"] is None:
        lines.append("the checkpoint's watch is not of this version: it begins anew")
    return kept, tuple(lines)


def _fingerprint(footage: Footage, cut: list[Any]) -> str:
    clips = [
        [clip.name, clip.windows, *clip.lq_size, *clip.gt_size, _bytes_of(clip.source)]
        for clip in footage.clips
    ]
    return hashlib.sha256(json.dumps([cut, clips]).encode()).hexdigest()


def _bytes_of(source: str) -> int:
    try:
        return Path(source).stat().st_size
    except (OSError, ValueError):  # the demo's photographs are no files
        return 0


def _has(values: Values, name: str) -> bool:
    return f"model.{name}" in values


def _differences(values: Values, settings: Settings) -> Iterator[tuple[str, Any, Any]]:
    """Every setting that is not as it was; one that the checkpoint lacks then had its default."""
    for path, fact in facts().items():
        was = _as_checked(fact, values.get(path, fact.default))
        yield from _differing(path, plain(was), plain(fact.of(settings)))


def _differing(path: str, was: Any, now: Any) -> Iterator[tuple[str, Any, Any]]:
    """The entries of two tables that differ, or of two lists as long as each other."""
    match was, now:
        case dict(), dict():
            entries = ((name, was.get(name), now.get(name)) for name in was | now)
        case [{}, *_], [{}, *_] if len(was) == len(now):
            entries = ((str(at), was[at], now[at]) for at in range(len(was)))
        case _:
            if was != now:
                yield path, was, now
            return
    for name, one, other in entries:
        yield from _differing(inner_path(path, (name,)), one, other)


def _as_checked(fact: Fact, value: Any) -> Any:
    """Return a value as settings hold it, tables as models; as it is where they refuse it now."""
    try:
        return fact.checked(value)
    except ValidationError:
        return value


def _shown(value: Any) -> str:
    try:
        text = "none" if value is None else toml_value(value)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _train_then(values: Values, train: Train) -> Train:
    """Return today's section with the checkpoint's schedule."""
    names = [path.partition(".")[2] for path in _SCHEDULE if path in values]
    said = Train.model_validate({name: values[f"train.{name}"] for name in names})
    return train.model_copy(update={name: getattr(said, name) for name in names})
