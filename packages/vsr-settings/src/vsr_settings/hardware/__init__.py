"""What cards are: `presets.toml` as objects. Knows no settings, so that the schema can name cards."""
