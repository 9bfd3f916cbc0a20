"""Finding what was meant by a name that is not a setting."""

import difflib
from collections.abc import Iterable

from vsr_settings.fields import facts, section_types

RENAMED = {
    "accumulate_steps": "train.accumulation_steps",
    "amp": "train.use_amp",
    "clip_grad": "train.grad_clip",
    "crop_size": "data.patch",
    "data_dir": "data.train",
    "data_root": "data.train",
    "device": "run.device",
    "ema": "train.ema_decay",
    "eps_min": "train.min_lr",
    "eta_min": "train.min_lr",
    "experiment_name": "run.name",
    "grad_accum": "train.accumulation_steps",
    "grad_accum_steps": "train.accumulation_steps",
    "gradient_accumulation_steps": "train.accumulation_steps",
    "l1_loss_weight": "loss.l1_weight",
    "learning_rate": "train.max_lr",
    "log_interval": "train.log_every",
    "lr": "train.max_lr",
    "lr_min": "train.min_lr",
    "max_grad_norm": "train.grad_clip",
    "max_iters": "train.max_steps",
    "n_workers": "data.workers",
    "num_blocks": "model.n_blocks",
    "num_feat": "model.n_feats",
    "num_feats": "model.n_feats",
    "num_frames": "model.n_frames",
    "num_workers": "data.workers",
    "output_dir": "run.dir",
    "patch_size": "data.patch",
    "perceptual_loss_weight": "loss.perceptual_weight",
    "random_seed": "train.seed",
    "run_name": "run.name",
    "save_interval": "train.save_every",
    "scale_factor": "model.scale",
    "total_steps": "train.max_steps",
    "train_dir": "data.train",
    "upscale": "model.scale",
    "use_mixed_precision": "train.use_amp",
    "val_dir": "data.val",
    "val_interval": "train.val_every",
    "warmup": "train.warmup_steps",
    "warmup_iters": "train.warmup_steps",
    "wd": "train.weight_decay",
}
"""Names that older configurations use for a setting whose meaning and unit are the same."""

SIMILAR = {
    "batch": "train.batch_size",
    "epochs": "train.max_steps",
    "gpu": "hardware.preset",
    "iterations": "train.max_steps",
    "num_epochs": "train.max_steps",
    "precision": "train.amp_dtype",
}
"""Names whose meaning differs from the setting that is probably wanted."""


def meant(path: str) -> str | None:
    """The setting most like `path`, which is `section.name` or a bare name."""
    name = path.rpartition(".")[2].lower()
    known = facts()
    same_name = [fact.path for fact in known.values() if fact.name == name]
    if same_name:
        return closest_name(path, same_name) or same_name[0]
    if name in RENAMED or name in SIMILAR:
        return RENAMED.get(name) or SIMILAR[name]
    section = path.partition(".")[0]
    if section in section_types():
        here = [fact.name for fact in known.values() if fact.section == section]
        close = closest_name(name, here)
        if close:
            return f"{section}.{close}"
    return closest_name(path.lower(), known, cutoff=0.75)


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
    return closest_name(variable.upper(), (fact.variable for fact in facts().values()), cutoff=0.8)


def closest_name(word: str, words: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The one of `words` most like `word`, None where none is near."""
    close = difflib.get_close_matches(word, list(words), n=1, cutoff=cutoff)
    return close[0] if close else None
