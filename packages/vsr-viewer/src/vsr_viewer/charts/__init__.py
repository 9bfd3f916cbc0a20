"""Curves and bars as SVG, drawn here so that a page needs nothing to show them."""

from vsr_viewer.charts.chart import Chart, Series, drawn
from vsr_viewer.charts.small import bar, phases, progress, spark
from vsr_viewer.charts.thinning import Curve, extremes, thinned

__all__ = [
    "Chart",
    "Curve",
    "Series",
    "bar",
    "drawn",
    "extremes",
    "phases",
    "progress",
    "spark",
    "thinned",
]
