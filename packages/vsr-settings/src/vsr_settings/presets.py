"""Hardware presets as data: what each card has and what it does natively."""

from typing import Literal

PresetName = Literal["tesla-p4", "cpu"]
