from __future__ import annotations

from typing import Any

import pytest

from ranvier.report.gather import ReportData
from ranvier.report.lights import Light, lights


def judged(*, test: float, baseline: float, train: float, metric: str = "accuracy") -> ReportData:
    summary = {
        "metrics": {"train": {metric: train}, "test": {metric: test}},
        "baseline": {"test": {metric: baseline}},
        "primary_metric": metric,
    }
    return ReportData("run", {}, summary)


def light(data: ReportData, question: str) -> Light | None:
    return next((found for found in lights(data) if question in found.question), None)


@pytest.mark.parametrize(
    ("test", "baseline", "metric", "colour"),
    [
        (0.9, 0.6, "accuracy", "green"),
        (0.61, 0.6, "accuracy", "amber"),
        (0.6, 0.6, "accuracy", "red"),
        (0.5, 0.6, "accuracy", "red"),
        (10.0, 20.0, "rmse", "green"),
        (30.0, 20.0, "rmse", "red"),
        (0.3, -0.001, "r2", "green"),
    ],
)
def test_a_network_is_held_against_the_trivial_answer(
    test: float, baseline: float, metric: str, colour: str
) -> None:
    found = light(judged(test=test, baseline=baseline, train=test, metric=metric), "trivial")
    assert found is not None and found.colour == colour


@pytest.mark.parametrize(
    ("train", "test", "colour"),
    [(0.9, 0.89, "green"), (0.95, 0.8, "amber"), (1.0, 0.65, "red")],
)
def test_what_is_true_of_training_rows_alone_is_not_green(
    train: float, test: float, colour: str
) -> None:
    found = light(judged(test=test, baseline=0.5, train=train), "not seen")
    assert found is not None and found.colour == colour


def with_events(**events: Any) -> ReportData:
    return ReportData("run", {}, {}, events={kind: tuple(found) for kind, found in events.items()})


def test_a_loss_that_is_not_finite_is_red_and_counted() -> None:
    data = with_events(window=[{"step": 2, "loss": [1.0, None], "gradient_norm": [1.0, None]}])
    found = light(data, "finite")
    assert found is not None and found.colour == "red" and "2 values" in found.answer


@pytest.mark.parametrize(("best", "colour"), [(2, "green"), (3, "amber")])
def test_a_best_epoch_that_is_the_last_asks_for_more(best: int, colour: str) -> None:
    epochs = [{"epoch": epoch, "best": epoch <= best} for epoch in (1, 2, 3)]
    found = light(with_events(epoch=epochs, end=[{"reason": "epochs"}]), "long enough")
    assert found is not None and found.colour == colour


def test_a_run_without_an_end_is_amber_and_a_diverged_one_red() -> None:
    going = light(with_events(epoch=[{"epoch": 1}]), "end?")
    broken = light(with_events(end=[{"reason": "diverged"}]), "end?")
    assert going is not None and going.colour == "amber"
    assert broken is not None and broken.colour == "red"


def recognised(counts: list[list[int]]) -> ReportData:
    event = {"split": "test", "metrics": {"accuracy": 0.9},
             "confusion": {"labels": ["no", "yes"], "counts": counts}}  # fmt: skip
    return with_events(evaluation=[event])


@pytest.mark.parametrize(
    ("counts", "colour", "words"),
    [
        ([[199, 0], [26, 0]], "red", "“yes” is found in none of 26\N{NO-BREAK SPACE}rows"),
        ([[190, 9], [20, 6]], "amber", "finds 23.1\N{NO-BREAK SPACE}% of 26\N{NO-BREAK SPACE}rows"),
        ([[190, 9], [4, 22]], "green", "of “yes”, the hardest"),
    ],
)
def test_a_class_that_is_never_found_is_not_hidden_by_a_good_mean(
    counts: list[list[int]], colour: str, words: str
) -> None:
    found = light(recognised(counts), "every class")
    assert found is not None and found.colour == colour and words in found.answer


def test_a_column_that_is_the_target_in_disguise_is_named_with_the_way_to_leave_it_out() -> None:
    columns = [{"name": "closed on", "association": 0.97}, {"name": "age", "association": 0.3}]
    found = light(ReportData("run", {"data": {"columns": columns}}), "give the answer away")
    assert found is not None and found.colour == "amber"
    assert "closed on" in found.answer and "--ignore 'closed on'" in found.advice


def test_a_lead_that_so_few_rows_cannot_tell_from_luck_is_not_green() -> None:
    event = {"split": "test", "metrics": {"accuracy": 0.7}, "baseline": {"accuracy": 0.6},
             "confusion": {"labels": ["no", "yes"], "counts": [[10, 2], [4, 4]]}}  # fmt: skip
    found = light(with_events(evaluation=[event]), "trivial")
    assert found is not None and found.colour == "amber" and "luck" in found.answer
