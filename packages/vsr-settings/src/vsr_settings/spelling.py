"""Finding what was meant by a name that is not a setting."""

import difflib
from collections.abc import Iterable

from vsr_settings.fields import facts, section_types

OTHER_NAMES = {
    "accum": "train.accumulation_steps",
    "accumulate": "train.accumulation_steps",
    "amp": "train.use_amp",
    "batch": "train.batch_size",
    "bs": "train.batch_size",
    "channels": "model.n_feats",
    "crop_size": "data.patch",
    "data_root": "data.train",
    "epochs": "train.max_steps",
    "gpu": "hardware.preset",
    "iterations": "train.max_steps",
    "learning_rate": "train.max_lr",
    "lr": "train.max_lr",
    "max_iter": "train.max_steps",
    "num_workers": "data.workers",
    "output_dir": "run.dir",
    "patch_size": "data.patch",
    "precision": "train.amp_dtype",
    "total_steps": "train.max_steps",
    "upscale": "model.scale",
    "warmup": "train.warmup_steps",
}
"""Names that other trainers use, and what they are called here."""


def meant(path: str) -> str | None:
    """The setting most like `path`, which is `section.name` or a bare name."""
    name = path.rpartition(".")[2].lower()
    known = facts()
    same_name = [fact.path for fact in known.values() if fact.name == name]
    if same_name:
        return nearest(path, same_name) or same_name[0]
    if name in OTHER_NAMES:
        return OTHER_NAMES[name]
    section = path.partition(".")[0]
    if section in section_types():
        here = [fact.name for fact in known.values() if fact.section == section]
        close = nearest(name, here)
        if close:
            return f"{section}.{close}"
    return nearest(path.lower(), known, cutoff=0.75)


def meant_variable(variable: str) -> str | None:
    """The variable most like `variable`, one with too few underscores included."""
    by_letters = {fact.variable.replace("_", ""): fact.variable for fact in facts().values()}
    exact = by_letters.get(variable.upper().replace("_", ""))
    if exact:
        return exact
    section, _, name = variable.upper().removeprefix("VSR_").partition("__")
    path = meant(f"{section}.{name}".lower() if name else section.lower())
    if path:
        return facts()[path].variable
    return nearest(variable.upper(), (fact.variable for fact in facts().values()), cutoff=0.8)


def nearest(word: str, words: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The one of `words` most like `word`, None where none is near."""
    close = difflib.get_close_matches(word, list(words), n=1, cutoff=cutoff)
    return close[0] if close else None
