"""The commands of `python -m vsr_settings`, one a file: `add_to` says its options, `run` does it."""
