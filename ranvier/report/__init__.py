"""The report of a run: one offline HTML file made from the run's files alone."""

from __future__ import annotations

from ranvier.report.page import render, write_report

__all__ = ["render", "write_report"]
