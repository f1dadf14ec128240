"""Tables trained by every loss that fits them, and the words for those that do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import ranvier as rv
from ranvier.apps.tabular.losses import WANTS, require_fit
from ranvier.core.errors import ConfigError, DataError, ShapeError
from ranvier.core.task import Task
from ranvier.losses import LOSSES, PerMember, loss_from
from tests.unit.apps.tabular.conftest import Train, network, people, stopped, weights_of

NUMBER = Task("regression", "y")
TWO = Task("classification", "y", ("no", "yes"))
THREE = Task("classification", "y", ("a", "b", "c"))

OF_NUMBERS = (
    "gaussian_likelihood",
    "student_likelihood",
    "poisson_likelihood",
    "negative_binomial_likelihood",
    "gamma_likelihood",
    "pinball",
    "mean_squared_error",
    "mean_absolute_error",
    "huber",
    "log_cosh",
    "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error",
)
OF_CLASSES = ("cross_entropy", "focal", "generalized_cross_entropy", "categorical_hinge")
OF_TWO = ("binary_cross_entropy", "binary_focal", "hinge", "squared_hinge")


def visits(rows: int = 240, *, big: float = 1.0) -> pl.DataFrame:
    """Counts, none of them 0, whose mean a column tells."""
    random = np.random.default_rng(0)
    age = random.uniform(0, 1, rows)
    return pl.DataFrame({"age": age, "visits": 1 + random.poisson(big * np.exp(2 * age))})


@pytest.mark.parametrize("kind", OF_NUMBERS)
def test_a_number_is_learnt_by_every_loss_of_numbers(kind: str, train: Train) -> None:
    run = train(visits(), net=None, loss=kind, target="visits", task="regression", epochs=4)
    assert run.metrics["train"]["rmse"] < run.baseline["train"]["rmse"]
    history = run.history.series("validation.loss")
    assert history[-1] < history[0]
    table = run.predict_table(visits())
    assert np.isfinite(table.to_numpy()).all()
    assert (table["prediction"].to_numpy() == run.predict(visits())).all()
    again = rv.load(run.path)
    assert again.predict_table(visits()).equals(table)
    assert run.answering.raw(visits()[:0]).shape == (0,)


@pytest.mark.parametrize("kind", [*OF_CLASSES, *OF_TWO])
def test_classes_are_learnt_by_every_loss_of_classes(kind: str, train: Train) -> None:
    loss = {"kind": kind, "label_smoothing": 0.05, "class_weights": [1.0, 2.0]}
    run = train(net=None, loss=loss, epochs=5, class_weight="balanced")
    assert run.metrics["train"]["roc_auc"] > 0.8
    probabilities = run.predict_proba(people())
    assert probabilities.shape == (240, 2)
    assert probabilities.sum(1) == pytest.approx(1)
    assert (rv.load(run.path).predict_proba(people()) == probabilities).all()


def test_every_other_loss_is_refused_with_what_it_wants_and_what_fits() -> None:
    fits = {
        NUMBER: OF_NUMBERS,
        TWO: (*OF_CLASSES, *OF_TWO),
        THREE: OF_CLASSES,
    }
    assert {*WANTS} - {"per_member"} == {*LOSSES} - {*OF_NUMBERS, *OF_CLASSES, *OF_TWO}
    for task, known in fits.items():
        for kind in LOSSES:
            if kind in known:
                require_fit(loss_from(kind), task)
                continue
            with pytest.raises(ConfigError, match=f"loss {kind}: it wants .*Those that fit: "):
                require_fit(loss_from(kind), task)
    with pytest.raises(ConfigError) as caught:
        require_fit(loss_from("ctc"), THREE)
    assert str(caught.value) == (
        "loss ctc: it wants a sequence of labels for every sample, shorter than its input; 'y' is "
        "one of 3 classes. Those that fit: cross_entropy, focal, generalized_cross_entropy, "
        "categorical_hinge. Name one of them, or say --task if the column is something else."
    )
    with pytest.raises(ConfigError, match="an ensemble, whose members get it by themselves"):
        require_fit(PerMember(loss_from("huber")), NUMBER)
    with pytest.raises(ConfigError, match="got the levels 0.5, 0.5; expected each once"):
        require_fit(loss_from({"kind": "pinball", "levels": [0.5, 0.5]}), NUMBER)


def test_what_does_not_fit_leaves_no_folder(train: Train, tmp_path: Path) -> None:
    out = tmp_path / "refused"
    with pytest.raises(ConfigError, match="loss triplet: it wants three embeddings"):
        train(loss="triplet", out=out)
    with pytest.raises(ShapeError, match="for pinball of 'score': quantile 0.1, quantile 0.5"):
        train(net=network(1), loss="pinball", target="score", out=out)
    with pytest.raises(ShapeError, match="for hinge of 'bought': one score, of its second class"):
        train(net=network(2), loss="hinge", out=out)
    with pytest.raises(ShapeError, match="focal: got 3 class weights"):
        train(loss={"kind": "focal", "class_weights": [1, 2, 3]}, out=out)
    assert not out.exists()


@pytest.mark.parametrize(
    ("loss", "values", "said"),
    [
        ("poisson_likelihood", {4: -1, 9: 2.5}, "row 5 is -1, row 10 is 2.5 of the train rows; "),
        ("negative_binomial_likelihood", {0: -3}, "row 1 is -3 of the train rows; "),
        ("gamma_likelihood", {2: 0}, "expects numbers above 0. Mend or remove"),
        ("mean_squared_logarithmic_error", {2: -0.5}, "expects numbers of at least 0. Mend"),
        ("mean_absolute_percentage_error", {2: 0}, "none that is 0, which no error is a percent"),
    ],
)
def test_numbers_that_a_loss_cannot_take_are_named_by_column_and_row(
    loss: str, values: dict[int, float], said: str, train: Train, tmp_path: Path
) -> None:
    counts = visits()["visits"].to_numpy().astype(float)
    for row, value in values.items():
        counts[row] = value
    frame = visits().with_columns(visits=counts)
    with pytest.raises(DataError) as caught:
        train(frame, loss=loss, target="visits", task="regression", test_fraction=0.0,
              validation_fraction=0.0, out=tmp_path / "refused")  # fmt: skip
    assert str(caught.value).startswith("target 'visits': row ")
    assert said in str(caught.value)
    assert not (tmp_path / "refused").exists()


def test_per_cent_of_nothing_are_taken_where_it_is_said_what_to_divide_by(train: Train) -> None:
    frame = visits().with_columns(pl.col("visits") - 1)
    loss = rv.MeanAbsolutePercentageError(least=1.0)
    run = train(frame, net=network(1), loss=loss, target="visits", task="regression")
    assert run.summary["status"] == "finished"


def test_counts_are_numbers_to_a_likelihood_though_they_are_few(train: Train) -> None:
    frame = visits().with_columns(pl.col("visits").clip(0, 4))
    run = train(frame, net=None, loss="poisson_likelihood", target="visits")
    assert run.task.kind == "regression"
    [task] = [c for c in run.document["choices"] if c["what"] == "task"]
    assert (task["value"], task["why"]) == ("regression", "poisson_likelihood is about a number")


def test_large_counts_start_at_the_logarithm_of_their_mean(train: Train) -> None:
    frame = visits(big=1000.0)
    for net in (None, network(1)):
        run = train(frame, net=net, loss="poisson_likelihood", target="visits", epochs=1)
        mean = frame["visits"].mean()
        assert run.predict(frame).mean() == pytest.approx(mean, rel=0.5)
        [start] = [c for c in run.document["choices"] if c["what"] == "start"]
        assert (start["value"], start["why"]) == (
            "the mean target",
            "the last bias, if there is one, begins at its logarithm, which is a long way from 0",
        )
    unbiased = rv.Network(rv.Dense(8), rv.Dense(1, bias=False))
    train(frame, net=unbiased, loss="poisson_likelihood", target="visits", epochs=1)


def test_quantiles_and_deviations_have_columns_metrics_and_a_baseline(train: Train) -> None:
    levels = {"kind": "pinball", "levels": [0.1, 0.5, 0.9]}
    run = train(visits(), net=network(3), loss=levels, target="visits", metric="interval_score")
    table = run.predict_table(visits())
    assert table.columns == ["prediction", "quantile_0.1", "quantile_0.5", "quantile_0.9"]
    assert (table["prediction"] == table["quantile_0.5"]).all()
    assert (table["quantile_0.1"] <= table["quantile_0.9"]).all()
    further = {"pinball", "interval_coverage", "coverage_error", "interval_width", "rmse"}
    assert further <= {*run.metrics["test"]}
    assert run.metrics["test"].keys() == run.baseline["test"].keys()
    assert run.evaluate(visits()).keys() == run.metrics["test"].keys()
    assert len(run.history.series("validation.interval_score")) == 3

    normal = train(visits(), net=network(2), loss="gaussian_likelihood", target="visits")
    assert normal.predict_table(visits()).columns == ["prediction", "standard_deviation"]
    assert (normal.predict_table(visits())["standard_deviation"] > 0).all()
    assert "crps_gaussian" in normal.metrics["test"]
    assert "CRPS" in normal.report().read_text()


def test_a_hinge_says_that_its_probabilities_are_scores(train: Train) -> None:
    run = train(net=None, loss="hinge")
    [choice] = [c for c in run.document["choices"] if c["what"] == "probabilities"]
    assert choice["value"] == "the sigmoid of the score"
    assert "no honest chances" in choice["why"]


@pytest.mark.parametrize(
    ("loss", "outputs"),
    [("pinball", 3), ("poisson_likelihood", 1), ("mean_absolute_percentage_error", 1)],
)
def test_a_stopped_run_goes_on_to_the_same_bits(
    loss: str, outputs: int, train: Train, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"loss": loss, "target": "visits", "task": "regression"}
    whole = train(visits(), network(outputs), epochs=5, **settings)
    path = stopped(train, tmp_path / "stopped", visits(), network(outputs), **settings)
    resumed = rv.resume(path, visits())
    assert weights_of(resumed) == weights_of(whole)
    assert resumed.metrics == whole.metrics
    assert rv.verify(path, visits()).is_whole


def test_an_optimiser_that_averages_gets_a_steady_rate(train: Train) -> None:
    run = train(optimizer="schedule_free_adamw")
    assert run.document["settings"]["schedule"] == {"kind": "constant", "warmup": 0.05}
    asked = train(optimizer="schedule_free_adamw", schedule="cosine")
    assert asked.document["settings"]["schedule"]["kind"] == "cosine"


@pytest.mark.parametrize(
    ("loss", "outputs"),
    [("pinball", 3), ("poisson_likelihood", 1), ("gaussian_likelihood", 2)],
)
def test_the_regressor_takes_a_loss_of_several_outputs(loss: str, outputs: int) -> None:
    X, y = visits()[["age"]].to_numpy(), visits()["visits"].to_numpy()
    model = rv.NetworkRegressor(
        network(outputs), loss=loss, epochs=25, learning_rate=0.02, random_state=0
    ).fit(X, y)
    assert model.score(X, y) > 0.1


def test_the_classifier_takes_a_hinge() -> None:
    X, y = visits()[["age"]].to_numpy(), visits()["age"].to_numpy() > 0.5
    model = rv.NetworkClassifier(
        network(1), loss="hinge", epochs=25, learning_rate=0.02, random_state=0
    ).fit(X, y)
    assert model.score(X, y) > 0.9
