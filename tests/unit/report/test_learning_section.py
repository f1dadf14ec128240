"""What the report says of the epochs of a run, out of its records alone."""

from __future__ import annotations

import pytest

from ranvier.report.gather import ReportData
from ranvier.report.sections.learning import learning_section


def page_of(metric: str) -> str:
    epochs = tuple(
        {
            "epoch": epoch,
            "step": 10 * epoch,
            "train": {"loss": 1 / epoch},
            "validation": {"loss": 1 / epoch, "accuracy": 0.5},
            "probe": {},
            "learning_rate": 0.1,
            "best": True,
        }
        for epoch in (1, 2, 3)
    )
    run = {"settings": {"metric": metric}}
    return str(
        learning_section(ReportData("run", run, {"best_epoch": 3}, events={"epoch": epochs}))
    )


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("last", "The weights of epoch 3 were kept, which was the last."),
        ("loss", "were kept, which had the lowest"),
        ("accuracy", "were kept, which had the highest"),
    ],
)
def test_it_says_why_the_weights_of_an_epoch_were_kept(metric, words):
    assert words in page_of(metric)
