"""What a training run is: schema, hardware presets, loading and errors. Never imports torch."""

from vsr_settings.schema import Data, Hardware, Loss, Model, Run, Settings, Train

__all__ = ["Data", "Hardware", "Loss", "Model", "Run", "Settings", "Train"]
