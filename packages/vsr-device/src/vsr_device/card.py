"""Whether the card that is there can run this: checked before its first kernel.

torch sees a card that its wheel has no kernels for, warns, and fails at the first of them; its own
advice then names wheels that do not exist for older cards. What matters is checked here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from vsr_device.errors import DeviceError
from vsr_device.platform import Platform
from vsr_settings import Settings, card, match_preset, predict
from vsr_settings.memory import MIB

NEWEST_CUDNN_BELOW_TURING = 91002
"""cuDNN 9.10.2 is the last with kernels for compute capabilities under 7.5."""


@dataclass(frozen=True)
class CardFacts:
    """What torch and the driver say of a CUDA device."""

    name: str
    capability: tuple[int, int]
    total_mib: int
    free_mib: int
    """Memory that no process has, this one's context included among those that have some."""
    architectures: tuple[str, ...]
    """What this torch carries kernels for, such as `sm_60`."""
    cudnn: int | None
    torch: str


def card_facts(device: torch.device) -> CardFacts:
    """Ask torch and the driver about a CUDA device; creates its context, runs no kernel."""
    properties = torch.cuda.get_device_properties(device)
    free, total = torch.cuda.mem_get_info(device)
    return CardFacts(
        name=properties.name,
        capability=(properties.major, properties.minor),
        total_mib=total // MIB,
        free_mib=free // MIB,
        architectures=tuple(torch.cuda.get_arch_list()),
        cudnn=cudnn_version(),
        torch=torch.__version__,
    )


def cudnn_version() -> int | None:
    """Return the version of cuDNN, such as 91002; None where there is none.

    torch from 2.9 on refuses to tell where a card is too old for it, in words of its own.
    """
    try:
        return torch.backends.cudnn.version()
    except RuntimeError:
        return int(torch._C._cudnn.getVersionInt())  # noqa: SLF001 - no public twin


def check_card(settings: Settings, platform: Platform) -> tuple[str, ...]:
    """Check the device of a platform; return what the user should know of it.

    Raises:
        DeviceError: if it cannot run this, with every reason.
    """
    if platform.device.type != "cuda":
        return ()
    return check_facts(card_facts(platform.device), settings, platform)


def check_facts(facts: CardFacts, settings: Settings, platform: Platform) -> tuple[str, ...]:
    """Check a card by its facts; see `check_card`."""
    reasons = list(_reasons_against(facts, settings))
    if reasons:
        raise DeviceError(f"{facts.name}: " + "; ".join(reasons))
    return tuple(_notes(facts, settings, platform))


def _reasons_against(facts: CardFacts, settings: Settings) -> Iterator[str]:
    major, minor = facts.capability
    if not (has_kernels(facts.architectures, facts.capability) or _translated(facts)):
        carried = ", ".join(facts.architectures)
        yield (
            f"torch {facts.torch} has no kernels for its compute capability {major}.{minor}, only "
            f"for {carried}; {_wheel_advice(facts.capability)}"
        )
    if (
        facts.cudnn is not None
        and facts.cudnn > NEWEST_CUDNN_BELOW_TURING
        and (major, minor) < (7, 5)
    ):
        yield (
            f"cuDNN {facts.cudnn} has no kernels for compute capabilities under 7.5; install the "
            "version that torch was built with: pip install --force-reinstall torch==2.7.1"
        )
    needed = -(-predict(settings).reserved // MIB)
    if needed > facts.free_mib and not settings.hardware.allow_over_budget:
        yield (
            f"a step is predicted to take {needed} MiB and {facts.free_mib} of {facts.total_mib} "
            "MiB are free; end what else uses the card (nvidia-smi lists it), choose a lower "
            "model.recompute or train.batch_size, or set hardware.allow_over_budget = true"
        )


def has_kernels(architectures: tuple[str, ...], capability: tuple[int, int]) -> bool:
    """Tell whether a torch wheel runs on a card: kernels run on later minors of their major."""
    major, minor = capability
    for name in architectures:
        match = re.fullmatch(r"sm_(\d+)(\d)", name)  # sm_90a and its like run nowhere else
        if match and int(match[1]) == major and int(match[2]) <= minor:
            return True
    return False


def _translated(facts: CardFacts) -> bool:
    """Tell whether the driver makes kernels for a card from the wheel's PTX, which is older."""
    ptx = (re.fullmatch(r"compute_(\d+)(\d)", name) for name in facts.architectures)
    return any((int(match[1]), int(match[2])) <= facts.capability for match in ptx if match)


def _wheel_advice(capability: tuple[int, int]) -> str:
    if capability < (7, 5):
        return (
            "install torch==2.7.1 and torchvision==0.22.1, the last of the default registry with "
            "kernels for it, or a build for CUDA 12.6 up to torch 2.14"
        )
    return "install a newer torch"


def _notes(facts: CardFacts, settings: Settings, platform: Platform) -> Iterator[str]:
    planned, found = card(settings.hardware), match_preset(facts.name, facts.total_mib)
    if found is None:
        yield f"no preset is known for {facts.name!r}; planned for {planned.title}"
    elif found.name != planned.name:
        yield (
            f"planned for {planned.title}, but the card is a {found.title}: "
            f"set hardware.preset = {found.name!r}"
        )
    if facts.total_mib < planned.vram_mib:
        yield (
            f"the card has {facts.total_mib} MiB, {planned.vram_mib - facts.total_mib} fewer than "
            f"planned: set hardware.vram_mib = {facts.total_mib}"
        )
    if not has_kernels(facts.architectures, facts.capability):
        yield (
            f"torch {facts.torch} has only PTX for this card: the driver translates it, minutes at "
            "the first start; a newer torch may bring kernels"
        )
    if platform.amp_dtype == torch.bfloat16 and facts.capability < (8, 0):
        yield "bf16 is emulated on this card, very slowly: set train.amp_dtype = 'fp16'"
