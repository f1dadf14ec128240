"""Plots as SVG text: plain functions from numbers to a drawing, without a library."""

from __future__ import annotations

from ranvier.report.plots.bars import bar_chart, binned, histogram, tiny_bars
from ranvier.report.plots.diagonal import calibration_diagram, roc_chart
from ranvier.report.plots.distributions import quantile_bands, ridgeline
from ranvier.report.plots.heatmap import confusion_map, time_map
from ranvier.report.plots.lines import Guide, Series, line_chart, thin
from ranvier.report.plots.scatter import truth_scatter

__all__ = [
    "Guide",
    "Series",
    "bar_chart",
    "binned",
    "calibration_diagram",
    "confusion_map",
    "histogram",
    "line_chart",
    "quantile_bands",
    "ridgeline",
    "roc_chart",
    "thin",
    "time_map",
    "tiny_bars",
    "truth_scatter",
]
