"""What cards are: `presets.toml` as objects. The schema names cards, so nothing here knows it."""
