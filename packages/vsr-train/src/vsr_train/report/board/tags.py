"""The names of a run's curves, which stay; what each is; and which are drawn in one chart."""

from typing import Final

from vsr_train.report.board.values import Charts
from vsr_train.watch import Snapshot, detail_of

CHARTS: Final[Charts] = {
    "quality on validation footage": {
        "PSNR, dB": [
            r"validation/psnr$",
            r"validation/psnr_bicubic$",
            r"validation/psnr_bilinear$",
        ],
        "PSNR of luma, dB": [r"validation/psnr_y$", r"validation/psnr_y_bicubic$"],
        "SSIM": [r"validation/ssim$", r"validation/ssim_bicubic$", r"validation/ssim_bilinear$"],
        "sharpness": [r"validation/sharpness$", r"validation/sharpness_bicubic$"],
    },
    "loss": {"terms": [r"loss/(l1|ms|grad|perceptual|plain)$"], "total": [r"loss/total$"]},
    "memory": {"MiB": [r"memory/.*"]},
    "what each block adds": {
        "backward trunk": [r"watch_blocks/backward_trunk.*"],
        "forward trunk": [r"watch_blocks/forward_trunk.*"],
        "aligned branch": [r"watch_blocks/align.*"],
    },
}

CURVES: Final = {
    "loss/l1": "Mean absolute error, before weighting.",
    "loss/ms": "Mean absolute error after 2×2 average pooling, before weighting.",
    "loss/grad": "Mean absolute error of the finite differences, before weighting.",
    "loss/perceptual": "Distance of VGG16's features, before weighting.",
    "loss/plain": "Loss of what the network makes without neighbours, weighted.",
    "loss/total": "What training minimises.",
    "optim/grad_norm": "Norm of the whole gradient of the last step, before clipping.",
    "optim/skipped": "Steps withheld so far because a gradient was not finite.",
    "memory/peak_mib": "The most memory taken so far: of the card, else of the process.",
    "memory/predicted_mib": "What a step was predicted to take.",
    "memory/budget_mib": "What a step may take on the card.",
    "validation/gain_db": "PSNR over bilinear enlargement, where an untrained network starts.",
    "validation/gain_bicubic_db": "PSNR over bicubic enlargement: the figure to watch.",
    "validation/temporal_db": "What the other frames of a window add to PSNR.",
    "validation/sharpness": "Share of the ground truth's fine detail.",
    "validation/detail_ratio": "Detail that is added, over the detail that is missing.",
    "validation/detail_correlation": "Correlation of what is added with what is missing.",
    "watch/detail_ratio": "On a training crop: detail that is added, over what is missing.",
    "watch/detail_correlation": "On a training crop: correlation of what is added with what is "
    "missing.",
    "watch/restored": "On a training crop: share of the missing detail that is put back.",
    "watch/gain_db": "On a training crop: PSNR over bilinear enlargement.",
    "watch/clipped": "Share of the steps whose gradient was clipped.",
    "watch/update_ratio": "Length of a step's change of all weights, over theirs.",
    "watch/aligned": "What the aligned branch adds, relative to the features it adds to.",
    "watch/confidence": "Mean confidence in neighbours; 0 where nothing moves.",
}


def watch_figures(snapshot: Snapshot) -> dict[str, float]:
    """Return a snapshot's figures by tag; those that it lacks are left out."""
    detail = detail_of([snapshot])
    figures = {
        "detail_ratio": detail.ratio,
        "detail_correlation": detail.correlation,
        "restored": detail.restored,
        "gain_db": detail.gain_db,
        "clipped": snapshot.clipped,
        "update_ratio": snapshot.whole_update,
        "aligned": snapshot.aligned,
        "confidence": snapshot.confidence,
    }
    found = {f"watch/{name}": each for name, each in figures.items() if each is not None}
    return found | {f"watch_blocks/{name}": each for name, each in snapshot.blocks.items()}
