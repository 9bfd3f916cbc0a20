"""What training would see of footage: read once, judged in plain words, shown as table and page."""

from vsr_data.doctor.report import Report, diagnose

__all__ = ["Report", "diagnose"]
