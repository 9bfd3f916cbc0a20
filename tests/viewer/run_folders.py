"""Runs as training would leave them, made in milliseconds: settings, rows and pictures."""

import json
import math

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from vsr_settings import Hardware, Model, Run, Settings, Train, resolve, to_toml

NOW = 1_800_000_000.0
"""Unix seconds of a run's last row."""

PANELS = ("bicubic", "output", "ground truth", "error")


def write_run(
    folder,
    *,
    steps=400,
    max_steps=400,
    val_every=100,
    log_every=10,
    clips=("chelsea", "coffee"),
    gain=2.0,
    side=96,
    about=True,
    **settings,
):
    """Write a run that has made so many steps; return its folder."""
    folder.mkdir(parents=True)
    chosen = Settings(
        hardware=Hardware(preset="cpu"),
        model=Model(**{"n_feats": 16, "n_blocks": 4} | settings),
        train=Train(max_steps=max_steps, val_every=val_every, log_every=log_every),
        run=Run(name="run", dir="runs"),
    )
    (folder / "settings.toml").write_text(to_toml(resolve(chosen)))
    if about:
        (folder / "about.json").write_text(json.dumps(ABOUT, indent=2))
    write_rows(folder, rows_of(steps, val_every, log_every, clips, gain))
    for step in range(val_every, steps + 1, val_every):
        for number, clip in enumerate(clips):
            write_strip(folder, clip, step, side=side, seed=number, wrong=side // 4 - step // 40)
    (folder / "best.safetensors").write_bytes(b"weights")
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / f"step-{steps:09d}.pt").write_bytes(b"secret checkpoint")
    return folder


ABOUT = {
    "name": "run",
    "network": "16×4",
    "window": "5 frames to one, ×3, recompute none",
    "parameters": 60_675,
    "device": "cpu, 1 thread",
    "precision": "fp32",
    "card": "CPU, no card",
    "training": "demo: 84 clips, 420 windows",
    "validation": "demo: 2 clips, 12 windows",
    "budget_mib": None,
    "predicted_mib": {"activations": 100, "workspace": 256, "parameters": 1},
    "versions": {"torch": "2.7.1"},
}


def rows_of(steps, val_every=100, log_every=10, clips=("chelsea", "coffee"), gain=2.0):
    """The rows of a run in the order that training writes them, two seconds apart."""
    rows, began = [], NOW - 2 * (steps // log_every)
    for step in range(log_every, steps + 1, log_every):
        time = began + 2 * step // log_every
        loss = dict.fromkeys(("l1", "ms", "grad", "perceptual"), 0.03 / (1 + step / 200))
        loss |= {"plain": loss["l1"], "total": 2.1 * loss["l1"]}
        rows.append({
            "kind": "train", "step": step, "time": time, "loss": loss, "lr": 3e-3 / step,
            "grad_norm": 0.1, "samples_per_s": 50.0, "skipped": 0, "memory_mib": 600,
        })  # fmt: skip
        if step == log_every:
            rows.append(verdict(step, "warming up", time))
        if step % val_every == 0:
            part = 1 - math.exp(-step / 150)
            rows.append(verdict(step, "learning", time)) if step == val_every else None
            rows.append(validation(step, clips, gain * part, time))
    return rows


def verdict(step, word, time, why="judged by what it adds"):
    return {"kind": "verdict", "step": step, "time": time, "verdict": word, "why": why}


def validation(step, clips, gain, time):
    figures = {
        "psnr": 28 + gain, "psnr_bilinear": 27.0, "psnr_bicubic": 28.0, "ssim": 0.8 + gain / 40,
        "ssim_bilinear": 0.78, "ssim_bicubic": 0.8, "gain_db": 1 + gain, "gain_bicubic_db": gain,
        "temporal_db": gain / 2, "sharpness": 0.2, "sharpness_bicubic": 0.05,
    }  # fmt: skip
    sources = {
        clip: figures | {"gain_bicubic_db": gain + place / 10} for place, clip in enumerate(clips)
    }
    head = {"kind": "validation", "step": step, "time": time, "seconds": 1.5, "flat": 0}
    return head | figures | {"sources": sources}


def write_rows(folder, rows, mode="w"):
    with (folder / "metrics.jsonl").open(mode) as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def write_strip(folder, clip, step, *, side=96, seed=0, wrong=8, noise=False, name=None):
    """Write a strip whose panels are told by its text chunk; `wrong` levels of error at most."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    truth = np.stack([127 + 100 * np.sin((x * (c + 1) + y * seed) / 9) for c in range(3)], axis=-1)
    if noise:
        truth = rng.integers(0, 256, (side, side, 3)).astype(float)
    added = rng.normal(0, 1, truth.shape) * max(wrong, 1)
    pictures = {
        "bicubic": truth + (rng.normal(0, 60, truth.shape) if noise else 30.0),
        "output": truth + added,
        "ground truth": truth,
        "error": np.abs(added) * 8,
    }
    sheet = Image.new("RGB", (4 * (side + 4) - 4, 44 + 2 * side), "white")
    facts = {"clip": clip, "step": step, "panels": {}, "details": {}, "psnr": {}}
    facts["psnr"] = {"bicubic": 25.0 + seed, "output": 27.0 + seed + step / 1000}
    for place, title in enumerate(PANELS):
        panel = Image.fromarray(pictures[title].clip(0, 255).astype(np.uint8))
        left = place * (side + 4)
        sheet.paste(panel, (left, 22))
        detail = panel.crop((0, 0, side // 4, side // 4)).resize((side, side), 0)
        sheet.paste(detail, (left, 44 + side))
        facts["panels"][title] = [left, 22, side, side]
        facts["details"][title] = [left, 44 + side, side, side]
    info = PngInfo()
    info.add_itxt("vsr", json.dumps(facts))
    pictures_folder = folder / "pictures"
    pictures_folder.mkdir(exist_ok=True)
    path = pictures_folder / f"{name or f'clip-{seed}'}-step-{step:09d}.png"
    sheet.save(path, pnginfo=info, compress_level=1)
    return path


def write_animation(folder, side=64, frames=4, *, noise=False):
    rng = np.random.default_rng(0)
    high = 256 if noise else 40
    pictures = [
        Image.fromarray(rng.integers(0, high, (side, side, 3), dtype=np.uint8))
        for _ in range(frames)
    ]
    pictures[0].save(
        folder / "pictures" / "over-the-run.webp", save_all=True, append_images=pictures[1:],
        duration=400, quality=80, method=0,
    )  # fmt: skip
