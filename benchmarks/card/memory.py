"""Predicted against real peaks: steps, a validation, a first save; and P4's runs in P4's memory."""

import math
from functools import partial
from pathlib import Path

from vsr_data import Footage
from vsr_settings import Model, load, predict
from vsr_settings.memory import MIB, predict_validation
from vsr_train.folder import CheckpointWriter, RunFolder
from vsr_train.validation import Validator, fitting

from .place import EMULATED, P4_BUDGET_MIB
from .results import reason_of
from .runs import MadeClip, MadeRun

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
P4_CONFIGS = ("p4", "p4-large")
STEPS = 3
"""In the first cuDNN tries its kernels; the second finds the optimiser's state in place."""


def memory(place, deadline, add):
    """Add a row for every peak: steps as most train, P4's runs in its memory, then all the rest."""
    sizes = place.sizes
    of_steps = {
        precision: [
            {"network": network, "precision": precision, "recompute": recompute}
            for network in sizes.networks
            for recompute in sizes.recomputes
        ]
        for precision in sizes.precisions
    }
    first, *others = of_steps.values()
    work = [({"kind": "step", **cell}, partial(_step, place, **cell)) for cell in first]
    for name in P4_CONFIGS:
        row = {"kind": "limit", "config": name, "limit_mib": P4_BUDGET_MIB}
        work.append((row, partial(_limited, place, name, deadline)))
    for kind, measure in (("validation", _validation), ("save", _save)):
        work += [
            ({"kind": kind, "network": name}, partial(measure, place, model))
            for name, model in sizes.networks.items()
        ]
    for cells in others:
        work += [({"kind": "step", **cell}, partial(_step, place, **cell)) for cell in cells]
    for row, measure in work:
        _try(row, place, deadline, add, measure)


def _try(row, place, deadline, add, measure):
    """Add what is measured to a row, or why it is not."""
    if deadline.passed:
        add({**row, "left_out": "no time was left"})
        return
    start = place.clock()
    try:
        found = measure()
    except Exception as error:  # noqa: BLE001 - whatever it is, others can be measured
        found = {"reason": reason_of(error)}
    add({**row, **found, "took_s": place.clock() - start})


def _step(place, *, network, precision, recompute):
    model = place.sizes.networks[network]
    if not place.has_natively(precision):
        return {"reason": EMULATED}
    felt = place.sizes.perceptual
    settings = place.settings(model, precision, recompute=recompute, perceptual=felt)
    predicted = predict(settings)
    with place.taken() as taken:
        run = MadeRun(settings, place.platform(settings))
        run.step()
        taken.settle()
        for _ in range(STEPS - 1):
            result = run.step()
        is_finite = bool(result.terms.isfinite().all())
    return compared(predicted, taken) | {"finite": is_finite}


def _validation(place, model):
    settings = place.settings(model, "fp32", recompute="segments")
    height, width = place.sizes.frame
    run = _in_its_middle(place, settings)
    footage = Footage((MadeClip(model, height, width),))
    validator = Validator(footage, settings, run.platform, run.loss.perceptual)
    with place.taken() as taken:
        found = validator.measure(run.state.average.network)
    row = {"frame": f"{width}×{height}", "psnr": found.mean["psnr"]}
    if not place.is_card:  # whose stand-in counts what comes to life, and a run is alive already
        return row | taken.as_row()
    return row | compared(predict_validation(settings, height, width), taken)


def _save(place, model):
    settings = place.settings(model, "fp32", recompute="segments")
    folder = RunFolder.of(settings)
    run = _in_its_middle(place, settings)
    with place.taken() as taken, CheckpointWriter(folder, settings) as writer:
        writer.save(run.state)
    row = {"bytes": sum(path.stat().st_size for path in folder.checkpoints.iterdir())}
    predicted = predict(settings)  # of a step, which a save must stay under
    row |= taken.as_row() | {"predicted_reserved_mib": predicted.reserved / MIB}
    return row | {"holds": taken.reserved <= predicted.reserved}


def _in_its_middle(place, settings):
    run = MadeRun(settings, place.platform(settings))
    run.step()  # whose gradients stay, as in a run
    return run


def _limited(place, name, deadline):
    """Train as a P4 would, then validate, in the memory that a P4 has."""
    place.settings(Model(), "fp32")  # reads VGG16 before anything is counted
    path, digest = place.vgg_file()
    options = [
        "data.train=demo", "data.val=demo", "data.val_windows=1", "train.amp_dtype=fp16",
        f"loss.perceptual_weights={path}", f"loss.perceptual_sha256={digest}",
        f"run.dir={place.scratch}", f"run.device={place.device.type}", *place.sizes.options,
    ]  # fmt: skip
    settings = load(CONFIGS / f"{name}.toml", options, {})
    row = {"steps": 0, "finite": True, "recompute": settings.model.recompute}
    with place.limited(P4_BUDGET_MIB):
        try:
            with place.taken() as taken:
                run = _trained(place, settings, deadline, taken, row)
            row |= compared(predict(settings), taken)
            row |= _validated(place, settings, run)
        except Exception as error:  # noqa: BLE001 - how far it came is worth its row
            row["reason"] = reason_of(error)
    if row["steps"] < place.sizes.steps and "reason" not in row:
        return row | {"left_out": f"no time was left for more than {row['steps']} steps"}
    return row | {"within": row["finite"] and "psnr" in row}


def _trained(place, settings, deadline, taken, row):
    """Return a run that made its steps, or as many as there was time for, counted in a row."""
    run = MadeRun(settings, place.platform(settings))
    row["precision"] = run.platform.precision
    while row["steps"] < place.sizes.steps and not deadline.passed:
        row["finite"] &= bool(run.step().terms.isfinite().all())
        row["steps"] += 1
        if row["steps"] == 1:
            taken.settle()
    return run


def _validated(place, settings, run):
    """Validate beside a run, by the tiles that its command would choose."""
    height, width = place.sizes.frame
    footage = Footage((MadeClip(settings.model, height, width),))
    tile = fitting(settings, footage, run.platform)
    validator = Validator(footage, settings, run.platform, run.loss.perceptual, tile=tile)
    with place.taken() as taken:
        found = validator.measure(run.state.average.network)
    # A window is about as wrong as noise is, and figures are no numbers where kernels fail.
    row = {"psnr": found.mean["psnr"]} if math.isfinite(found.mean["psnr"]) else {}
    return row | {"tile": tile, "validation_reserved_mib": taken.reserved / MIB}


def compared(predicted, taken):
    """Return predicted and real peaks in MiB, and what the prediction of reserved is over by."""
    over = predicted.reserved / taken.reserved - 1 if taken.reserved else None
    return taken.as_row() | {
        "predicted_allocated_mib": predicted.allocated / MIB,
        "predicted_reserved_mib": predicted.reserved / MIB,
        "workspace_mib": predicted.workspace / MIB,
        "over": over,
        "holds": over is not None and 0 <= over <= 0.10,
    }
