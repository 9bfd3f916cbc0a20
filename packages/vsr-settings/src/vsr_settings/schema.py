"""What a training run is: every setting, its unit, its range and its default.

Plain frozen models: building one reads no file and no environment, so a stored settings text
reloads as it was stored. `vsr_settings.reading` is the only place that consults other sources.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, Strict, StringConstraints

from vsr_settings.degradation import Degradation
from vsr_settings.hardware.presets import MemoryFormat, PresetName
from vsr_settings.section import Section, Wording

Recompute = Literal["auto", "none", "blocks", "segments"]
Align = Literal["none", "samples"]


def _odd(number: int) -> int:
    if number % 2 == 0:
        raise ValueError("must be odd")
    return number


Text = Annotated[
    str,
    StringConstraints(min_length=1, max_length=4096, pattern=r"^[^\x00-\x1f\x7f]+$"),
    Wording("text of 1 to 4096 characters, none of them a control character"),
]
"""A path, or one of the words that stand for a source."""

FrameRange = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{0,9}:[0-9]{0,9}$"),
    Wording("a range 'first:stop' of frame numbers, either of which may be left out"),
]
"""Frames `first:stop` of every video of a source, as in a slice; either side may be empty."""

Sha256 = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{64}$"),
    Wording("64 hexadecimal digits in lower case"),
]
Capability = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{1,2}\.[0-9]$"),
    Wording("a compute capability as text, such as '6.1'"),
]
RunName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"),
    Wording("1 to 100 letters, digits, '.', '_' or '-', the first a letter or a digit"),
]
License = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9.+-]{0,63}$"),
    Wording("a licence as model hubs name it, in lower case, such as 'mit' or 'cc-by-4.0'"),
]
Device = Annotated[
    str,
    StringConstraints(pattern=r"^(auto|cpu|mps|cuda(:[0-9]{1,2})?)$"),
    Wording("'auto', 'cpu', 'mps', 'cuda' or 'cuda:N'"),
]
OddFrames = Annotated[
    int,
    Field(ge=3, le=63, json_schema_extra={"not": {"multipleOf": 2}}),
    AfterValidator(_odd),
    Wording("an odd integer from 3 to 63"),
]
Weight = Annotated[float, Field(ge=0, le=1e6)]


class Hardware(Section):
    """The card a run is planned for. Fields left out take the preset's values."""

    preset: PresetName = "tesla-p4"
    """The card, by name; `cpu` for none."""
    vram_mib: Annotated[int, Field(ge=0, le=1 << 24)] | None = None
    """Memory the driver reports for the card, in MiB. Left out: the preset's."""
    reserve_mib: Annotated[int, Field(ge=0, le=1 << 20)] | None = None
    """Memory kept free for the CUDA context, workspaces and the display, in MiB."""
    compute_capability: Capability | None = None
    """CUDA compute capability, as in `"6.1"`. Decides which precisions are native."""
    effective_batch: Annotated[int, Field(ge=1, le=65536)] | None = None
    """Samples every optimiser step must see: batch_size × accumulation_steps × world_size."""
    memory_format: MemoryFormat | None = None
    """Order in which tensors are stored: `contiguous` is right on Pascal, `channels_last` where
    there are tensor cores, and on the CPU. Left out: the faster of both, where a run times them
    (`train.amp_dtype`), else the preset's."""
    allow_over_budget: bool = False
    """Train even where the predicted peak exceeds the card; warned instead of refused."""


class Model(Section):
    """The network: its size, its window and what it recomputes to save memory."""

    n_feats: Annotated[int, Field(ge=1, le=1024)] = 64
    """Feature channels throughout the network."""
    n_blocks: Annotated[int, Field(ge=2, le=512, multiple_of=2)] = 24
    """Residual blocks of both trunks together; even, each trunk has half."""
    n_frames: OddFrames = 5
    """Low-resolution frames in a window; odd, the centre one is enlarged."""
    scale: Literal[2, 3, 4] = 3
    """Enlargement of each side."""
    align: Align = "samples"
    """What neighbouring frames add: `samples`, the colours they saw between the centre frame's
    pixels, found along their motion; or `none`, so that all that counts is the centre frame, as in
    networks from before there was a choice."""
    recompute: Recompute = "auto"
    """What backward computes again instead of keeping: `none`, `blocks` (each block keeps only its
    input), `segments` (stretches of blocks keep only theirs), or `auto`: the least that fits."""


class Loss(Section):
    """What training minimises: a weighted sum of four terms on RGB in [0, 1]."""

    l1_weight: Weight = 1.0
    """Weight of the mean absolute error."""
    ms_weight: Weight = 0.0
    """Weight of the mean absolute error after 2×2 average pooling."""
    grad_weight: Weight = 0.0
    """Weight of the mean absolute error of the absolute finite differences."""
    perceptual_weight: Weight = 0.1
    """Weight of the VGG16 feature distance; 0 trains without VGG16."""
    perceptual_weights: Text = "imagenet"
    """VGG16's weights: `imagenet` (torchvision's IMAGENET1K_V1) or the path of a file."""

    perceptual_sha256: Sha256 | None = None
    """SHA-256 of the `perceptual_weights` file you vouch for, where it is not known as genuine."""
    perceptual_chunk: Annotated[int, Field(ge=1, le=4096)] = 1
    """Samples whose VGG16 activations are in memory at once; more is seldom faster."""


class Source(Section):
    """One of several training sources, and how much it counts."""

    path: Annotated[Text, Field(examples=["films"])]
    """A source of any kind that `data.train` takes."""
    weight: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    """Its part of the samples is this over the weights of all sources, whatever its size."""
    frames: FrameRange = ":"
    """Frames of every video of it to use, as `first:stop`."""


class Data(Section):
    """Where frames come from and how training clips are cut from them."""

    train: Annotated[
        Text | Annotated[tuple[Source, ...], Strict(False), Field(min_length=1)],
        Field(examples=[[{"path": "films", "weight": 2.0}, {"path": "demo"}]]),
    ] = "data/train"
    """Training source: a video, a folder of videos or of numbered pictures, a pattern such as
    `films/*/`, a folder with `Patches/GT` and `Patches/LR`, shards, or `demo` (the photographs of
    scikit-image, filmed by a moving camera); or a list of several, each with what is in
    `[[data.train]]` below."""
    val: Text = "data/val"
    """Validation source, of the same kinds; never trained on."""
    train_frames: FrameRange = ":"
    """Frames of every training video to use, as `first:stop`, where `train` is one source; each of
    several has `frames` of its own."""
    val_frames: FrameRange = ":"
    """Frames of every validation video to use, as `first:stop`."""
    patch: Annotated[int, Field(ge=8, le=4096)] = 180
    """Side of a low-resolution training crop, in pixels."""

    cuts: Literal["auto", "off"] = "auto"
    """Scene cuts are found while decoding, and no window crosses one; `off` does not look."""
    interlaced: Literal["mend", "refuse", "keep"] = "mend"
    """Video whose frames are made of fields: made whole by libav's filters, telecine undone; or
    refused; or taken as it is."""
    hdr: Literal["tonemap", "refuse", "keep"] = "tonemap"
    """PQ and HLG video: brought to SDR by the curve of BT.2390; or refused; or its code values are
    taken as they are."""
    bars: Literal["crop", "keep"] = "crop"
    """Black bars around the picture."""
    windows: Literal["detail", "uniform"] = "detail"
    """How training windows are drawn: by what detail and motion there is in them, or all alike."""
    degradation: Annotated[
        Degradation, Field(examples=[{"codec": {"kind": "h264", "crf": [20, 30]}}])
    ] = "bicubic"
    """How low-resolution frames are made: `bicubic`, `area`, a preset (`clean`, `dvd`, `web-video`,
    `phone`), or the parts in a table `[data.degradation]`. Ready-made pairs are taken as they
    are."""
    workers: Annotated[int, Field(ge=0, le=256)] | Literal["auto"] = "auto"
    """Processes that cut training clips; `auto` leaves a core to the training loop."""
    val_windows: Annotated[int, Field(ge=1, le=10_000)] = 4
    """Windows validated per clip, evenly spaced over it."""
    val_most: Annotated[int, Field(ge=1, le=100_000)] = 128
    """Windows validated in all: where there would be more, fewer of each clip are, and then not
    every clip."""
    val_border: Annotated[int, Field(ge=0, le=256)] = 6
    """Pixels cut from each side of a picture before it is measured."""
    val_tile: Annotated[int, Field(ge=16, le=4096)] = 256
    """Side in low-resolution pixels of the tiles that validation enlarges a frame in: bounds its
    memory and changes no figure."""
    cache_dir: Text = "~/.cache/vsr"
    """Folder of decoded frames, shared by runs; decoding a video again is all its loss costs. Where
    there is no home, `~` is in the system's temporary folder."""
    cache_gib: Annotated[float, Field(gt=0, le=1 << 20)] = 20.0
    """Most disk space that frames of this run's sources may take, decoded and degraded, in GiB."""

    def sources(self, role: Literal["train", "val"]) -> tuple[Source, ...]:
        """The sources of a role; one that is plain text has the role's own range of frames."""
        if role == "val":
            return (Source(path=self.val, frames=self.val_frames),)
        if isinstance(self.train, str):
            return (Source(path=self.train, frames=self.train_frames),)
        return self.train


class Train(Section):
    """The optimisation: batch, precision, schedule and cadence. A step is an optimiser step."""

    batch_size: Annotated[int, Field(ge=1, le=4096)] = 4
    """Samples in one forward and backward pass."""
    accumulation_steps: Annotated[int, Field(ge=1, le=4096)] = 4
    """Passes whose gradients one optimiser step averages."""
    world_size: Annotated[int, Field(ge=1, le=4096)] | Literal["auto"] = "auto"
    """Processes that train together; `auto` is torchrun's `WORLD_SIZE`, else 1."""
    use_amp: bool = True
    """Mixed precision, where it pays (`amp_dtype`): on Pascal it saves memory, not time."""
    amp_dtype: Literal["auto", "fp16", "bf16"] = "auto"
    """Half precision to use. `auto` on a CUDA card times a few steps in fp32, fp16 and, where it is
    native, bf16 before the first run there, and takes the fastest that fits. Memory is planned, and
    a run is trained where nothing is timed, in bf16 where it is native, fp16 on other CUDA cards,
    else fp32."""
    max_steps: Annotated[int, Field(ge=1, le=100_000_000)] = 100_000
    """Optimiser steps of the whole run."""

    max_hours: Annotated[float, Field(gt=0, le=100_000)] | None = None
    """Hours after which a run saves and stops, as if asked to; left out: never."""

    max_lr: Annotated[float, Field(gt=0, le=1)] = 4e-4
    """Learning rate after warm-up."""
    min_lr: Annotated[float, Field(ge=0, le=1)] = 4e-6
    """Learning rate at the last step of the cosine."""
    warmup_steps: Annotated[int, Field(ge=0, le=100_000_000)] | Literal["auto"] = "auto"
    """Steps over which the learning rate rises; `auto` is 1 % of max_steps, at most 500."""
    weight_decay: Annotated[float, Field(ge=0, le=10)] = 0.0
    """AdamW's decoupled weight decay."""
    grad_clip: Annotated[float, Field(ge=0, le=1e6)] = 1.0
    """Largest L2 norm of the whole gradient; larger ones are scaled down to it. 0 never clips."""
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Share of the averaged weights that a step keeps; validation and `best` use the average."""
    seed: Annotated[int, Field(ge=0, lt=1 << 63)] = 0
    """Decides the initial weights and the order and augmentation of samples."""

    deterministic: bool = False
    """Make a run on a card repeat bit for bit: cuDNN's deterministic kernels, and the precision,
    chosen without timing them, at some cost of speed. On the CPU every run does."""

    val_every: Annotated[int, Field(ge=1)] = 1000
    """Steps between validations; the last step always validates."""
    save_every: Annotated[int, Field(ge=1)] = 500
    """Steps between checkpoints; the last step always saves."""

    save_minutes: Annotated[float, Field(ge=0, le=100_000)] = 15.0
    """Minutes after which a checkpoint is saved whatever the step; 0 saves by steps alone."""

    log_every: Annotated[int, Field(ge=1)] = 50
    """Steps between rows of the log; the first step has one too, and so have 5 minutes."""

    keep_checkpoints: Annotated[int, Field(ge=1, le=1000)] = 3
    """Latest checkpoints kept; older ones are deleted."""
    watch_every: Annotated[int, Field(ge=1)] = 100
    """Steps between snapshots of what the network adds, at most a fortieth of `max_steps` or 5, the
    larger; one takes about a third of a micro-batch's time. Verdicts come with rows of the log."""
    on_stagnation: Literal["stop", "warn"] = "stop"
    """What happens to a run that stagnates or diverges, or whose training pairs are wrong: `stop`
    saves it and ends it with its diagnosis, `warn` tells the diagnosis and goes on."""

    keep_every: Annotated[int, Field(ge=0, le=100_000_000)] = 0
    """Checkpoints of steps that are multiples of this are kept for ever; 0 keeps none of them."""


class Run(Section):
    """Where a run happens and what it is called."""

    name: RunName = "run"
    """Name of the run's folder."""
    dir: Text = "runs"
    """Folder that holds run folders."""
    device: Device = "auto"
    """`auto` (CUDA, else mps, else the CPU), `cpu`, `mps`, `cuda` or `cuda:N`."""
    tensorboard: bool = True
    """Write TensorBoard's files beside the log."""
    license: License = "unknown"
    """Licence of the weights, for their model card: `mit`, `apache-2.0`, `cc-by-4.0`, `other`."""


class Settings(Section):
    """One training run, complete."""

    hardware: Hardware = Hardware()
    model: Model = Model()
    loss: Loss = Loss()
    data: Data = Data()
    train: Train = Train()
    run: Run = Run()
