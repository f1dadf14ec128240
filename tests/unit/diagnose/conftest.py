"""Recorders in tests spend no seconds on trials."""

from __future__ import annotations

from functools import partial

import pytest

from ranvier.diagnose import start
from ranvier.diagnose.preflight import experiments


@pytest.fixture(autouse=True)
def short_experiments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Experiments run as ever, only shorter."""
    monkeypatch.setattr(start, "trial_facts", partial(start.trial_facts, seconds=0.02))
    monkeypatch.setattr(experiments, "SECONDS", 0.02)
