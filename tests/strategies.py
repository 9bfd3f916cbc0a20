"""Hypothesis strategies for valid settings, section by section; reused by every package's tests.

Bounds default to the schema's; a test that builds what it draws passes smaller ones. Sections agree
with one another only in `settings()`. Nothing here imports torch.
"""

from hypothesis import strategies as st

from vsr_settings import Data, Hardware, Loss, Model, Pipeline, Run, Settings, Source, Train
from vsr_settings.degradation import (
    H264,
    H265,
    NAMED,
    AnisotropicBlur,
    GaussianBlur,
    GaussianNoise,
    Mpeg2,
    PoissonNoise,
    SensorNoise,
    Vp9,
)
from vsr_settings.hardware.presets import PRESETS, PresetName, hardware_preset

PATHS = st.text(
    st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30
) | st.sampled_from(["demo", "data/train", "a b.mp4", 'quote".png', "back\\slash", "#", "été"])
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", fullmatch=True)
PRESET_NAMES = st.sampled_from(sorted(PRESETS))
ANY_DEVICE = st.sampled_from(["auto", "cpu"])


def finite(low: float, high: float, *, above: bool = False, below: bool = False):
    """Finite floats of a range, subnormal ones included."""
    return st.floats(low, high, allow_nan=False, exclude_min=above, exclude_max=below)


@st.composite
def models(draw, *, max_feats: int = 1024, max_blocks: int = 512, max_frames: int = 63) -> Model:
    """A `[model]` section; bounds are inclusive."""
    return Model(
        n_feats=draw(st.integers(1, max_feats)),
        n_blocks=2 * draw(st.integers(1, max_blocks // 2)),
        n_frames=1 + 2 * draw(st.integers(1, (max_frames - 1) // 2)),
        scale=draw(st.sampled_from([2, 3, 4])),
        align=draw(st.sampled_from(["none", "samples"])),
        recompute=draw(st.sampled_from(["auto", "none", "blocks", "segments"])),
    )


@st.composite
def losses(draw, *, perceptual: bool = True, max_chunk: int = 4096) -> Loss:
    """A `[loss]` section with at least one term; `perceptual=False` never needs VGG16."""
    weights = st.just(0.0) | finite(0, 1e6, above=True)
    l1, ms, grad = draw(weights), draw(weights), draw(weights)
    felt = draw(weights) if perceptual else 0.0
    return Loss(
        l1_weight=l1 if l1 or ms or grad or felt else 1.0,
        ms_weight=ms,
        grad_weight=grad,
        perceptual_weight=felt,
        perceptual_chunk=draw(st.integers(1, max_chunk)),
    )


def ranges(low: int, high: int, number=st.integers):
    """A range of numbers, `(low, high)`; its ends may be equal."""
    return st.tuples(number(low, high), number(low, high)).map(lambda ends: tuple(sorted(ends)))


SHARES = finite(0, 1)
SIGMAS, LEVELS = ranges(0, 20, finite), ranges(0, 64, finite)
PHOTONS = ranges(1, 1_000_000, finite)
BLURS = st.builds(GaussianBlur, kind=st.just("gaussian"), sigma=SIGMAS, share=SHARES) | st.builds(
    AnisotropicBlur, kind=st.just("anisotropic"), sigma=SIGMAS, share=SHARES
)
NOISES = st.one_of(
    st.builds(GaussianNoise, kind=st.just("gaussian"), sigma=LEVELS, share=SHARES),
    st.builds(PoissonNoise, kind=st.just("poisson"), photons=PHOTONS, share=SHARES),
    st.builds(SensorNoise, kind=st.just("sensor"), read=LEVELS, photons=PHOTONS, share=SHARES),
)


def _codecs(codec, kind: str, **own):
    common = {
        "gop": ranges(1, 600),
        "bit_rate": st.none() | ranges(8, 200_000),
        "share": SHARES,
    }
    return st.builds(codec, kind=st.just(kind), **common, **own)


SPEEDS = st.sampled_from(["ultrafast", "veryfast", "fast", "medium"])
CODECS = st.one_of(
    _codecs(H264, "h264", crf=ranges(0, 51), speed=SPEEDS),
    _codecs(H265, "h265", crf=ranges(0, 51), speed=SPEEDS),
    _codecs(Vp9, "vp9", crf=ranges(0, 63)),
    _codecs(Mpeg2, "mpeg2", quantiser=ranges(1, 31)),
)


@st.composite
def pipelines(draw) -> Pipeline:
    """A degradation as a table of parts."""
    return Pipeline(
        blur=draw(st.none() | BLURS),
        resize=draw(st.sampled_from(["bicubic", "area", "lanczos", "subsample"])),
        noise=draw(st.none() | NOISES),
        chroma=draw(st.sampled_from(["444", "420"])),
        interlace=draw(st.sampled_from([None, "tff", "bff"])),
        codec=draw(st.none() | CODECS),
        clean_share=draw(SHARES),
        take=2 * draw(st.integers(4, 512)),
        uses=draw(st.integers(1, 1_000_000)),
    )


@st.composite
def data_sections(
    draw, *, sources=PATHS, min_patch: int = 8, max_patch: int = 4096, min_frames: int = 63
) -> Data:
    """A `[data]` section whose ranges of frames hold `min_frames` and never share one."""
    first = draw(st.integers(0, 1000))
    middle = first + min_frames + draw(st.integers(0, 1000))
    ends = st.sampled_from(["", str(middle + min_frames)])
    train_frames = f"{first or draw(st.sampled_from(['', '0']))}:{middle}"
    weights = finite(0, 1e6, above=True)
    several = st.lists(
        st.builds(Source, path=sources, weight=weights, frames=st.just(train_frames)),
        min_size=1,
        max_size=3,
    ).map(tuple)
    train = draw(sources | several)
    return Data(
        train=train,
        val=draw(sources),
        train_frames=train_frames if isinstance(train, str) else ":",
        val_frames=f"{middle}:{draw(ends)}",
        patch=draw(st.integers(min_patch, max_patch)),
        cuts=draw(st.sampled_from(["auto", "off"])),
        interlaced=draw(st.sampled_from(["mend", "refuse", "keep"])),
        hdr=draw(st.sampled_from(["tonemap", "refuse", "keep"])),
        bars=draw(st.sampled_from(["crop", "keep"])),
        windows=draw(st.sampled_from(["detail", "uniform"])),
        degradation=draw(st.sampled_from(sorted(NAMED)) | pipelines()),
        workers=draw(st.just("auto") | st.integers(0, 256)),
        val_windows=draw(st.integers(1, 10_000)),
        val_most=draw(st.integers(1, 100_000)),
        val_border=draw(st.integers(0, 256)),
        val_tile=draw(st.integers(16, 4096)),
        cache_dir=draw(PATHS),
        cache_gib=draw(finite(0, 1 << 20, above=True)),
    )


@st.composite
def trains(draw, *, max_batch: int = 4096, max_accumulation: int = 4096) -> Train:
    """A `[train]` section whose schedule is in order."""
    max_steps = draw(st.integers(1, 100_000_000))
    max_lr = draw(finite(0, 1, above=True))
    every = st.integers(1, 1_000_000)
    return Train(
        batch_size=draw(st.integers(1, max_batch)),
        accumulation_steps=draw(st.integers(1, max_accumulation)),
        world_size=draw(st.just("auto") | st.integers(1, 4096)),
        use_amp=draw(st.booleans()),
        amp_dtype=draw(st.sampled_from(["auto", "fp16"])),
        max_steps=max_steps,
        max_lr=max_lr,
        min_lr=draw(finite(0, max_lr)),
        warmup_steps=draw(st.just("auto") | st.integers(0, max_steps - 1)),
        weight_decay=draw(finite(0, 10)),
        grad_clip=draw(finite(0, 1e6)),
        ema_decay=draw(finite(0, 1, below=True)),
        seed=draw(st.integers(0, (1 << 63) - 1)),
        val_every=draw(every),
        save_every=draw(every),
        log_every=draw(every),
        keep_checkpoints=draw(st.integers(1, 1000)),
        watch_every=draw(every),
        on_stagnation=draw(st.sampled_from(["stop", "warn"])),
    )


@st.composite
def hardware_sections(draw, *, presets=PRESET_NAMES) -> Hardware:
    """A `[hardware]` section that demands no effective batch and never refuses for memory."""
    name: PresetName = draw(presets)
    preset = hardware_preset(name)
    cuda = preset.compute_capability is not None
    reserve = draw(st.none() | st.integers(0, 4096))
    floor = 1 + max(reserve or 0, preset.reserve_mib)
    return Hardware(
        preset=name,
        vram_mib=draw(st.none() | st.integers(floor, 1 << 24)),
        reserve_mib=reserve,
        compute_capability=draw(
            st.none() | st.sampled_from(["5.3", "6.1", "7.5", "9.0", "12.0"]) if cuda else st.none()
        ),
        memory_format=draw(st.sampled_from([None, "contiguous", "channels_last"])),
        allow_over_budget=True,
    )


@st.composite
def runs(draw, *, devices=ANY_DEVICE) -> Run:
    """A `[run]` section; its devices go with every preset."""
    return Run(
        name=draw(NAMES),
        dir=draw(PATHS),
        device=draw(devices),
        tensorboard=draw(st.booleans()),
        license=draw(st.sampled_from(["unknown", "mit", "cc-by-4.0"])),
    )


@st.composite
def settings(draw) -> Settings:
    """Complete settings that load: every rule holds, some values left to be resolved."""
    model = draw(models())
    train = draw(trains())
    hardware = draw(hardware_sections())
    if hardware.preset == "mps":
        train = train.model_copy(update={"amp_dtype": "auto"})  # fp16 cannot be scaled there
    world = 1 if train.world_size == "auto" else train.world_size
    batch = train.batch_size * train.accumulation_steps * world
    if hardware.preset == "tesla-p4" or (batch <= 65536 and draw(st.booleans())):
        if batch > 65536:
            train = train.model_copy(update={"accumulation_steps": 1, "world_size": 1})
            batch = train.batch_size
        hardware = hardware.model_copy(update={"effective_batch": batch})
    return Settings(
        hardware=hardware,
        model=model,
        loss=draw(losses(max_chunk=train.batch_size)),
        data=draw(data_sections(min_frames=model.n_frames)),
        train=train,
        run=draw(runs()),
    )
