from __future__ import annotations

import pytest

from ranvier.metrics import METRICS
from ranvier.report.words import METRICS as WORDS


@pytest.mark.parametrize("name", list(METRICS))
def test_every_metric_is_said_in_words_with_the_way_that_is_better(name: str) -> None:
    assert WORDS[name].meaning
    assert WORDS[name].is_higher_better == METRICS[name].higher_is_better
