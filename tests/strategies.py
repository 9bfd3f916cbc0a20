"""Hypothesis strategies for valid settings, section by section; reused by every package's tests.

Bounds default to the schema's; a test that builds what it draws passes smaller ones. Sections agree
with one another only in `settings()`. Nothing here imports torch.
"""

from hypothesis import strategies as st

from vsr_settings import Data, Hardware, Loss, Model, Run, Settings, Train
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


@st.composite
def data_sections(
    draw, *, sources=PATHS, min_patch: int = 8, max_patch: int = 4096, min_frames: int = 63
) -> Data:
    """A `[data]` section whose ranges of frames hold `min_frames` and never share one."""
    first = draw(st.integers(0, 1000))
    middle = first + min_frames + draw(st.integers(0, 1000))
    ends = st.sampled_from(["", str(middle + min_frames)])
    return Data(
        train=draw(sources),
        val=draw(sources),
        train_frames=f"{first or draw(st.sampled_from(['', '0']))}:{middle}",
        val_frames=f"{middle}:{draw(ends)}",
        patch=draw(st.integers(min_patch, max_patch)),
        degradation=draw(st.sampled_from(["bicubic", "area"])),
        workers=draw(st.just("auto") | st.integers(0, 256)),
        val_windows=draw(st.integers(1, 10_000)),
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
    return Run(name=draw(NAMES), dir=draw(PATHS), device=draw(devices))


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
