"""Settings that fit the card at the same effective batch, cheapest change first.

Recomputation and mixed precision cost time; a smaller batch with more accumulation costs little;
a smaller patch or network changes what is trained, so they come last.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from vsr_settings.card import card
from vsr_settings.memory.fitting import (
    LEAST_FIRST,
    budget_mib,
    fits,
    least_mib,
    least_recomputation,
    needed_mib,
    recomputing,
)
from vsr_settings.schema import Settings
from vsr_settings.writing import toml_value

Changes = Mapping[str, object]
_MOST_STEPS = 4096
_LEAST_PATCH = 8
_SMALL_PATCH = 64
_WHOLE_PATCH = 4
_WHOLE_FEATURES = 8


@dataclass(frozen=True)
class Alternative:
    """Settings to write instead, and what a step needs with them."""

    changes: Changes
    """What to write, by path."""
    recompute: str
    """The recomputation that goes with it."""
    needed_mib: int

    @property
    def text(self) -> str:
        """The changes as people write them."""
        return ", ".join(f"{path} = {toml_value(value)}" for path, value in self.changes.items())


def changed(settings: Settings, changes: Changes) -> Settings:
    """The settings with some written otherwise."""
    sections: dict[str, dict[str, object]] = {}
    for path, value in changes.items():
        section, _, name = path.partition(".")
        sections.setdefault(section, {})[name] = value
    return settings.model_copy(
        update={
            section: getattr(settings, section).model_copy(update=values)
            for section, values in sections.items()
        }
    )


def alternatives_to(settings: Settings) -> Iterator[Alternative]:
    """Changes that make settings fit, cheapest first; each is enough by itself.

    Of the kinds that keep what is trained, one that is not enough alone is made as far as it goes,
    and the next is added to it. A smaller patch and a smaller network come each on their own, and
    together only where neither is enough.

    Args:
        settings: Settings that do not fit, as they were written.
    """
    made: dict[str, object] = {}
    for kind in (_recompute, _half, _split):
        last: Changes = {}
        for last in kind(changed(settings, made)):
            alternative = _alternative(settings, {**made, **last})
            if alternative is not None:
                yield alternative
                break
        else:
            made.update(last)
    patch = [*_enough(settings, made, _patch)]
    features = [*_enough(settings, made, _features)]
    yield from patch + features
    if not patch and not features:
        made["data.patch"] = min(settings.data.patch, _SMALL_PATCH)
        yield from _enough(settings, made, _features)


def _enough(
    settings: Settings, made: Changes, kind: Callable[[Settings], Iterator[Changes]]
) -> Iterator[Alternative]:
    for changes in kind(changed(settings, made)):
        alternative = _alternative(settings, {**made, **changes})
        if alternative is not None:
            yield alternative


def smaller_batches(settings: Settings) -> Iterator[Changes]:
    """Every way to make the same samples a step of a smaller batch, the largest batch first."""
    train = settings.train
    samples = train.batch_size * train.accumulation_steps
    for batch in range(train.batch_size - 1, 0, -1):
        if samples % batch == 0 and samples // batch <= _MOST_STEPS:
            yield batch_changes(settings, batch, samples // batch)


def batch_changes(settings: Settings, batch: int, steps: int) -> Changes:
    """What to write for another batch; VGG16 then sees no more samples at once than there are."""
    changes: dict[str, object] = {"train.batch_size": batch, "train.accumulation_steps": steps}
    if settings.loss.perceptual_chunk > batch and settings.loss.perceptual_weight > 0:
        changes["loss.perceptual_chunk"] = batch
    return changes


def _alternative(settings: Settings, changes: Changes) -> Alternative | None:
    """Changes with the least recomputation that fits them, None where none does."""
    other = changed(settings, changes)
    if settings.model.recompute == "auto":
        other = recomputing(other, least_recomputation(other))
    if not fits(other):
        return None
    return Alternative(changes, other.model.recompute, needed_mib(other))


def _recompute(settings: Settings) -> Iterator[Changes]:
    written = settings.model.recompute
    if written != "auto":
        for more in LEAST_FIRST[LEAST_FIRST.index(written) + 1 :]:
            yield {"model.recompute": more}


def _half(settings: Settings) -> Iterator[Changes]:
    if not settings.train.use_amp:
        emulated = not card(settings.hardware).native_bf16
        needless = settings.train.amp_dtype == "bf16" and emulated
        yield {"train.use_amp": True} | ({"train.amp_dtype": "auto"} if needless else {})


def _split(settings: Settings) -> Iterator[Changes]:
    yield from smaller_batches(settings)


def _patch(settings: Settings) -> Iterator[Changes]:
    yield from _largest(settings, "data.patch", settings.data.patch, _LEAST_PATCH, _WHOLE_PATCH)


def _features(settings: Settings) -> Iterator[Changes]:
    yield from _largest(settings, "model.n_feats", settings.model.n_feats, 1, _WHOLE_FEATURES)


def _largest(
    settings: Settings, path: str, written: int, least: int, whole: int
) -> Iterator[Changes]:
    """The largest value of a setting that is small enough, a whole multiple where it can be.

    A step is simulated for few values: those at which the least that it takes, as much below the
    prediction as it was at the value before, passes the budget.
    """
    values = [
        value
        for value in range(least, written)
        if value % whole == 0 or value < max(whole, 2 * least)
    ]
    budget = budget_mib(settings)
    if not values or budget is None:
        return
    most = settings.model.recompute if settings.model.recompute != "auto" else LEAST_FIRST[-1]

    def at(place: int) -> Settings:
        return recomputing(changed(settings, {path: values[place]}), most)

    low, high, share = -1, len(values) - 1, 1.0
    while low < high:
        room = int(budget / share)
        guess = bisect_right(range(len(values)), room, key=lambda place: least_mib(at(place)))
        middle = min(max(guess - 1, low + 1), high)
        needed = needed_mib(at(middle))
        share = needed / least_mib(at(middle))
        if needed <= budget:
            low = middle
        else:
            high = middle - 1
    if low >= 0:
        yield {path: values[low]}
