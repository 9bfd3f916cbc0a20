"""What is known of a run at a moment: plain values, from which all that is drawn is made."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vsr_train.signals import Action


@dataclass(frozen=True)
class Memory:
    """Memory in MiB; None where it is not known."""

    used: int | None = None
    """The most that was taken at once."""
    predicted: int | None = None
    """What a step was predicted to take."""
    budget: int | None = None
    """What it may take on the card; None where there is no limit."""
    is_process: bool = False
    """Whether `used` is the whole process, libraries and all, as on the CPU."""


@dataclass(frozen=True)
class Losses:
    """The latest row of the log."""

    terms: Mapping[str, float]
    """Loss terms before weighting, `plain` and the weighted `total`."""
    lr: float
    phase: str
    """Of the learning rate's schedule."""
    grad_norm: float
    """Before clipping."""
    samples_per_s: float
    steps_per_s: float
    withheld: int = 0
    """Steps whose gradient was not finite."""


@dataclass(frozen=True)
class Clip:
    """A validation clip's figures, in dB."""

    name: str
    psnr: float
    gain_bicubic_db: float


@dataclass(frozen=True)
class Score:
    """A validation's figures, in dB."""

    step: int
    psnr: float
    psnr_bilinear: float
    psnr_bicubic: float
    gain_db: float
    """Over bilinear."""
    gain_bicubic_db: float
    temporal_db: float
    """What neighbours add."""
    seconds: float | None = None
    """What it took."""


@dataclass(frozen=True)
class Status:
    """A run at a moment."""

    name: str
    network: str
    device: str
    precision: str
    last_step: int
    weights: Mapping[str, float]
    """Of the loss terms."""
    perceptual: str = ""
    """What VGG16 is; empty where none is used."""
    grad_clip: float = 0.0
    """Largest gradient norm; 0 where none is clipped."""
    step: int = 0
    doing: str = "starting"
    """What happens now, such as `training` or `validating`."""
    doing_s: float = 0.0
    """For how long it has, where that is no step."""
    running_s: float = 0.0
    """Since this process began to train."""
    left_s: float | None = None
    """Until the last step; None where that is not known yet."""
    losses: Losses | None = None
    trends: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Each loss term and the total over time."""
    memory: Memory = Memory()
    scores: tuple[Score, ...] = ()
    """Validations, the latest last."""
    clips: tuple[Clip, ...] = ()
    """Clips of the latest validation, the worst first."""
    next_validation: int | None = None
    """Step of the next one; None after the last."""
    verdict: str = ""
    evidence: str = ""
    is_alarm: bool = False
    saved_step: int | None = None
    """Step of the latest checkpoint that is whole on the disk; None before there is one."""
    saved_s: float | None = None
    """How long ago it was saved; None where an earlier process has."""
    asked: Action = Action.NOTHING
    """What keys or signals have asked for and is not begun yet."""
    goes_on: bool = False
    """Whether a paused run has been asked to go on."""
    has_keys: bool = False
    """Whether keys are read."""
    shows_help: bool = False
