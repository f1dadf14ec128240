"""Each way of training a table, from the source to predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import ranvier as rv
from ranvier.core.errors import ConfigError, DataError, NetworkError, ShapeError
from tests.unit.apps.tabular.conftest import Train, network, people, weights_of


def test_a_number_is_predicted_in_its_own_unit(train: Train) -> None:
    run = train(net=network(1), target="score", ignore=("bought",), epochs=40, learning_rate=0.01)
    assert run.task.kind == "regression"
    assert run.document["settings"]["loss"]["kind"] == "mean_squared_error"
    assert run.metrics["test"]["r2"] > 0.5
    predicted, truth = run.predict(people()), people()["score"].to_numpy()
    assert predicted.shape == (240,)
    assert abs(predicted.mean() - truth.mean()) < 0.5 * truth.std()
    residuals = next(e for e in run.history.of("evaluation") if e["split"] == "test")["residuals"]
    assert len(residuals["truth"]) == 36
    with pytest.raises(ConfigError, match="'score' is a number: there are no probabilities"):
        run.predict_proba(people())


def test_two_classes_may_be_one_logit(train: Train) -> None:
    run = train(net=network(1), epochs=30, learning_rate=0.02)
    [loss] = [c for c in run.document["choices"] if c["what"] == "loss"]
    assert (loss["value"], loss["why"]) == ("binary_cross_entropy", "the network gives one logit")
    probabilities = run.predict_proba(people())
    assert probabilities.shape == (240, 2)
    assert probabilities.sum(1) == pytest.approx(1)
    assert run.metrics["test"]["roc_auc"] > 0.8


def test_a_loss_that_cannot_take_the_outputs_is_refused_and_leaves_no_folder(
    train: Train, tmp_path: Path
) -> None:
    with pytest.raises(
        ShapeError, match=r"gives \(1,\) per row; expected \(2,\) for 2 classes of 'bought'"
    ):
        train(net=network(1), loss="cross_entropy", out=tmp_path / "refused")
    with pytest.raises(ShapeError, match=r"\(3,\) per row; expected \(2,\) for 2 classes"):
        train(net=network(3), out=tmp_path / "refused")
    with pytest.raises(ConfigError, match="metric 'r2': it does not fit 'bought'"):
        train(metric="r2", out=tmp_path / "refused")
    with pytest.raises(ConfigError, match="device=cuda:99: this machine has"):
        train(device="cuda:99", out=tmp_path / "refused")
    assert not (tmp_path / "refused").exists()


def test_a_network_that_is_no_network_is_refused(train: Train) -> None:
    with pytest.raises(ConfigError, match="network is str 'net.json'; expected a rv.Network"):
        train(net="net.json")
    with pytest.raises(NetworkError):
        train(net=rv.Network(rv.Embedding(3, 2), rv.Dense(2)))


def weighted(weights: list[float]) -> pl.DataFrame:
    return people().with_columns(pl.Series("weight", weights))


def test_sample_weights_count_in_training_and_in_metrics(train: Train) -> None:
    random = np.random.default_rng(1)
    frame = weighted(random.uniform(0.1, 3.0, 240).tolist())
    run = train(frame, weight="weight")
    plain = train(frame.with_columns(weight=pl.lit(1.0)), weight="weight")
    assert weights_of(run) != weights_of(plain)
    assert "weight" not in run.answering.encoder.columns
    numbers = next(e for e in run.history.of("evaluation") if e["split"] == "test")
    predicted = run.predict(frame)
    hit = predicted == frame["bought"].to_numpy()
    assert run.evaluate(frame)["accuracy"] == pytest.approx(
        np.average(hit, weights=frame["weight"].to_numpy().astype(np.float32))
    )
    assert run.evaluate(frame.drop("weight"))["accuracy"] == pytest.approx(hit.mean())
    assert numbers["rows"] == 36


def test_equal_weights_change_no_bit(train: Train) -> None:
    same = train(weighted([1.0] * 240), weight="weight")
    none = train(weighted([1.0] * 240), ignore=("weight", "score"))
    assert rv.load(same.path).metrics["test"] == pytest.approx(none.metrics["test"])


def test_balanced_classes_find_more_of_the_rare_one(train: Train) -> None:
    random = np.random.default_rng(2)
    x = random.normal(size=800)
    rare = x + random.normal(0, 1, 800) > 2.2
    frame = pl.DataFrame({"x": x, "bought": np.where(rare, "yes", "no")})
    settings = {"epochs": 25, "learning_rate": 0.02, "net": rv.Network(rv.Dense(2))}
    plain = train(frame, ignore=(), **settings)
    balanced = train(frame, ignore=(), class_weight="balanced", **settings)
    found = [(run.predict(frame)[rare] == "yes").mean() for run in (plain, balanced)]
    assert found[1] > found[0] + 0.2
    assert any("class" in str(finding) for finding in plain.findings)


def test_a_test_source_of_its_own_is_measured_and_none_of_the_source_is_held_back(
    train: Train, tmp_path: Path
) -> None:
    people(60, seed=5).write_csv(tmp_path / "later.csv")
    run = train(test=str(tmp_path / "later.csv"))
    assert run.document["data"]["parts"]["test"] == 60
    assert run.document["data"]["parts"]["train"] + run.document["data"]["parts"][
        "validation"
    ] == len(people())
    assert run.metrics["test"] == run.evaluate(tmp_path / "later.csv")


def test_rows_of_one_group_stay_in_one_part(train: Train) -> None:
    frame = people().with_columns(shop=pl.Series([f"shop {i % 24}" for i in range(240)]))
    run = train(frame, group="shop")
    assert "shop" not in run.answering.encoder.columns
    assert "'shop'" in run.document["data"]["split"]
    rows = run.document["data"]["parts"]
    assert sum(rows.values()) == 240
    assert all(count % 10 == 0 for count in rows.values())


def test_the_latest_rows_are_the_test_of_a_split_by_time(train: Train) -> None:
    days = [f"2024-{1 + i // 28 % 12:02}-{1 + i % 28:02}" for i in range(240)]
    frame = people().with_columns(day=pl.Series(days))
    run = train(frame, time="day", ignore=("score", "joined"))
    assert "'day'" in run.document["data"]["split"]
    worst = next(e for e in run.history.of("evaluation") if e["split"] == "test")["errors"]
    assert worst
    assert all(error["row"] > 240 - 37 for error in worst)


def test_missing_values_and_new_categories_are_predicted_from(train: Train) -> None:
    run = train()
    new = people(5, seed=9).with_columns(
        age=pl.Series([None, 30, None, 50, 60]), city=pl.Series(["Paris", "", None, "Ulm", "Oslo"])
    )
    probabilities = run.predict_proba(new)
    assert np.isfinite(probabilities).all()
    table = run.predict_table(new.drop("bought", "score", "always"))
    assert table.columns == ["prediction", "probability_no", "probability_yes"]
    assert table["probability_yes"].to_numpy() == pytest.approx(probabilities[:, 1])
    with pytest.raises(DataError, match="column 'age' is missing"):
        run.predict(new.drop("age"))


def test_a_full_batch_is_one_update_an_epoch(train: Train) -> None:
    run = train(batch_size=0, epochs=4)
    assert run.summary["steps"] == 4
    assert run.document["settings"]["batch_size"] == 0


def test_epochs_that_are_asked_for_are_run(train: Train) -> None:
    run = train(epochs=7, patience=0)
    assert run.summary["epochs"] == 7
    assert run.summary["stopped"] == "all epochs"


def test_patience_stops_early_and_the_best_epoch_is_restored(train: Train) -> None:
    run = train(epochs=60, patience=2, learning_rate=0.3, schedule="constant")
    summary = run.summary
    assert summary["stopped"] == "no gain"
    assert summary["epochs"] == summary["best_epoch"] + 2 < 60
    best = run.history.epochs[summary["best_epoch"] - 1]["validation"]
    assert best["loss"] == min(run.history.series("validation.loss"))
    assert run.metrics["validation"]["log_loss"] == pytest.approx(best["log_loss"])


def test_nothing_held_back_trains_to_the_last_epoch(train: Train) -> None:
    run = train(validation_fraction=0.0, test_fraction=0.0)
    assert run.metrics.keys() == {"train"}
    assert run.summary["best_epoch"] == 3


def test_the_same_command_gives_the_same_bytes_and_another_seed_others(train: Train) -> None:
    first, again, other = train(), train(), train(seed=1)
    assert weights_of(first) == weights_of(again)
    assert first.history == again.history
    assert first.metrics == again.metrics
    assert weights_of(first) != weights_of(other)


def test_the_random_state_of_the_caller_is_left_alone(train: Train) -> None:
    import torch

    torch.manual_seed(11)
    wanted = torch.rand(3)
    torch.manual_seed(11)
    threads = torch.get_num_threads()
    train()
    assert torch.equal(torch.rand(3), wanted)
    assert torch.get_num_threads() == threads


def test_training_that_diverges_says_so_and_is_reported(train: Train, tmp_path: Path) -> None:
    from ranvier.core.errors import DivergedError

    with pytest.raises(DivergedError, match="Lower learning_rate from"):
        train(net=rv.Network(rv.Dense(2)), optimizer=rv.SGD(1e38), out=tmp_path / "diverged")
    run = rv.load(tmp_path / "diverged")
    assert run.summary["status"] == "diverged"
    assert (run.findings[0].number, run.findings[0].severity) == (1, "error")
    assert run.metrics == {}
    assert (tmp_path / "diverged" / "report.html").is_file()


def test_balanced_classes_weigh_in_the_loss_and_not_in_the_scores_of_any_part(
    tmp_path: Path,
) -> None:
    generator = np.random.default_rng(0)
    signal = generator.normal(size=300)
    label = np.where(signal + generator.normal(size=300) > 1.5, "rare", "usual")
    table = {"signal": signal, "noise": generator.normal(size=300), "label": label}
    run = rv.train(None, table, epochs=2, class_weight="balanced", out=tmp_path / "run")
    train = run.metrics["train"]
    assert train["accuracy"] != pytest.approx(train["balanced_accuracy"], abs=0.01)
    [event] = [event for event in run.history.of("evaluation") if event["split"] == "train"]
    confusion = event["confusion"]["counts"]
    right, rows = np.trace(np.array(confusion)), np.sum(confusion)
    assert train["accuracy"] == pytest.approx(right / rows)
