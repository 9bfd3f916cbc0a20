"""The watch: whether a run learns, and if not, why."""
