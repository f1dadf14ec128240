"""Accuracy on real tables with no option but the target: a baseline, three peers, and ours.

    python -m benchmarks.tables [--datasets letter,diamonds] [--seeds 5] [--only ranvier] [--again]

Every finished cell (data set, contender, seed) is appended to OUT/tables.jsonl at once, and a
cell that stands there is not run again, so a run that was cut off goes on where it stopped.
From all cells OUT/tables.md, tables.json and tables.svg are made.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from benchmarks.chart import Panel, Point, chart
from benchmarks.machine import machine, sentence
from benchmarks.options import some_of
from ranvier.core.random import generator
from ranvier.data.known import data_set, get, get_parts

# The metric that is shown first, and the mark that Ranvier sets itself.
TARGETS = {
    "employment": ("roc_auc", 0.905),
    "letter": ("accuracy", 0.97),
    "diamonds": ("r2", 0.9925),
}
TEST_SHARE = 0.2


@dataclass(frozen=True)
class Split:
    """A data set's training and test rows, as files and as frames."""

    name: str
    target: str
    is_classification: bool
    train_path: Path
    test_path: Path

    @property
    def train(self) -> pl.DataFrame:
        return pl.read_parquet(self.train_path)

    @property
    def test(self) -> pl.DataFrame:
        return pl.read_parquet(self.test_path)


@dataclass(frozen=True)
class Result:
    """What a contender reached on the test rows, and the seconds its training took."""

    metrics: dict[str, float]
    seconds: float


def split(name: str, seed: int, folder: Path) -> Split:
    """The official split, or a random one by `seed` written into `folder`."""
    entry = data_set(name)
    parts = get_parts(name, progress=_say)
    if parts is None:
        table = pl.read_parquet(get(name, progress=_say))
        order = generator(seed, "benchmark", name).permutation(table.height)
        cut = round(table.height * TEST_SHARE)
        parts = {"train": folder / "train.parquet", "test": folder / "test.parquet"}
        table[np.sort(order[cut:])].write_parquet(parts["train"])
        table[np.sort(order[:cut])].write_parquet(parts["test"])
    is_classification = entry.task == "classification"
    return Split(name, entry.target, is_classification, parts["train"], parts["test"])


# The contenders.


def baseline(rows: Split, seed: int, threads: int) -> Result:
    """The majority class, or the mean."""
    from sklearn.dummy import DummyClassifier, DummyRegressor

    model = DummyClassifier(strategy="prior") if rows.is_classification else DummyRegressor()
    return _fit_and_judge(model, rows, threads)


def gradient_boosting(rows: Split, seed: int, threads: int) -> Result:
    """scikit-learn's histogram gradient boosting as it comes; it sees categories as such."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = (
        HistGradientBoostingClassifier if rows.is_classification else HistGradientBoostingRegressor
    )
    return _fit_and_judge(kind(random_state=seed), rows, threads)


def plain_network(rows: Split, seed: int, threads: int) -> Result:
    """scikit-learn's multilayer perceptron as it comes; numbers scaled, categories one-hot."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    encode = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_include="category")),
    )
    kind = MLPClassifier if rows.is_classification else MLPRegressor
    return _fit_and_judge(make_pipeline(encode, kind(random_state=seed)), rows, threads)


def ranvier(rows: Split, seed: int, threads: int) -> Result:
    """Ranvier with no option but the target."""
    import ranvier as rv

    with tempfile.TemporaryDirectory(prefix="ranvier-") as folder:
        start = time.perf_counter()
        run = rv.train(
            None,
            str(rows.train_path),
            target=rows.target,
            test=str(rows.test_path),
            seed=seed,
            out=Path(folder) / "run",
        )
        seconds = time.perf_counter() - start
        # Judged as the others are, by the predictions of the model that was saved.
        test = rows.test
        truth, test = test[rows.target].to_numpy(), test.drop(rows.target)
        if rows.is_classification:
            classes = np.array(run.task.classes)
            return Result(_judge_classes(truth, run.predict_proba(test), classes), seconds)
        return Result(_judge_values(truth, run.predict(test)), seconds)


CONTENDERS: dict[str, tuple[str, Callable[[Split, int, int], Result]]] = {
    "baseline": ("majority class or mean", baseline),
    "gradient-boosting": ("scikit-learn gradient boosting", gradient_boosting),
    "plain-network": ("scikit-learn MLP", plain_network),
    "ranvier": ("Ranvier", ranvier),
}


def _fit_and_judge(model: Any, rows: Split, threads: int) -> Result:
    train, test = _pandas(rows.train), _pandas(rows.test)
    truth = test.pop(rows.target).to_numpy()
    target = train.pop(rows.target).to_numpy()
    with threadpool_limits(threads), warnings.catch_warnings():
        # "As it comes" includes stopping at its own limit of 200 epochs.
        warnings.filterwarnings("ignore", message="Stochastic Optimizer: Maximum iterations")
        start = time.perf_counter()
        model.fit(train, target)
        seconds = time.perf_counter() - start
        if rows.is_classification:
            probabilities = model.predict_proba(test)
            return Result(_judge_classes(truth, probabilities, model.classes_), seconds)
        return Result(_judge_values(truth, model.predict(test)), seconds)


def _pandas(table: pl.DataFrame) -> Any:
    """For scikit-learn, which tells categories by their dtype."""
    texts = [name for name, dtype in table.schema.items() if not dtype.is_numeric()]
    return table.to_pandas().astype(dict.fromkeys(texts, "category"))


def _judge_classes(truth: Any, probabilities: Any, classes: Any) -> dict[str, float]:
    from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

    picked = classes[probabilities.argmax(axis=1)]
    scores = {
        "accuracy": accuracy_score(truth, picked),
        "log_loss": log_loss(truth, probabilities, labels=classes),
    }
    if len(classes) == 2:
        scores["roc_auc"] = roc_auc_score(truth, probabilities[:, 1])
    return {name: float(value) for name, value in scores.items()}


def _judge_values(truth: Any, predicted: Any) -> dict[str, float]:
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    return {
        "r2": float(r2_score(truth, predicted)),
        "rmse": float(root_mean_squared_error(truth, predicted)),
        "mae": float(mean_absolute_error(truth, predicted)),
    }


# The cells and what is made of them.


def read_cells(path: Path) -> dict[tuple[str, str, int], dict[str, Any]]:
    """The latest record of each cell; a torn last line, of a run that was cut off, is left out."""
    cells = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            cell = json.loads(line)
        except json.JSONDecodeError:
            continue
        cells[cell["dataset"], cell["contender"], cell["seed"]] = cell
    return cells


def measure(arguments: argparse.Namespace) -> None:
    path = arguments.out / "tables.jsonl"
    here = machine(threads=arguments.threads)
    done = {} if arguments.again else read_cells(path)
    for name in arguments.datasets:
        for seed in range(arguments.seeds):
            for contender in arguments.only:
                if (name, contender, seed) in done:
                    continue
                with tempfile.TemporaryDirectory(prefix="ranvier-") as folder:
                    rows = split(name, seed, Path(folder))
                    result = CONTENDERS[contender][1](rows, seed, arguments.threads)
                cell = {
                    "dataset": name,
                    "contender": contender,
                    "seed": seed,
                    "metrics": result.metrics,
                    "seconds": round(result.seconds, 3),
                    "machine": here,
                }
                with path.open("a") as file:
                    file.write(json.dumps(cell) + "\n")
                _say(f"{name} {contender} seed {seed}: {result.metrics} in {result.seconds:.1f} s")


def summarise(cells: dict[tuple[str, str, int], dict[str, Any]]) -> list[dict[str, Any]]:
    """A row per data set and contender: mean and standard deviation over seeds."""
    rows = []
    for name, (metric, target) in TARGETS.items():
        for contender, (title, _) in CONTENDERS.items():
            found = [c for key, c in cells.items() if key[:2] == (name, contender)]
            if not found:
                continue
            metrics = {
                key: _mean_and_deviation([cell["metrics"][key] for cell in found])
                for key in found[0]["metrics"]
            }
            rows.append(
                {
                    "dataset": name,
                    "contender": contender,
                    "title": title,
                    "seeds": len(found),
                    "metric": metric,
                    "target": target,
                    "metrics": metrics,
                    # A neighbour on a shared machine can double one seed's time; the median stays.
                    "seconds": statistics.median(cell["seconds"] for cell in found),
                    "machine": found[-1]["machine"],
                }
            )
    return rows


def _mean_and_deviation(values: list[float]) -> dict[str, float]:
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return {"mean": statistics.fmean(values), "sd": deviation}


def markdown(rows: list[dict[str, Any]]) -> str:
    """The table for people."""
    lines = [
        "| data set | metric, test rows | contender | mean ± sd | seeds | seconds (median) |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        score, seconds = row["metrics"][row["metric"]], row["seconds"]
        lines.append(
            f"| {row['dataset']} | {row['metric']} | {row['title']} "
            f"| {score['mean']:.4f} ± {score['sd']:.4f} | {row['seeds']} "
            f"| {seconds:.3g} |"
        )
    machines = dict.fromkeys(sentence(row["machine"]) for row in rows)
    return "\n".join([*lines, "", *(f"Measured on: {line}." for line in machines)]) + "\n"


def draw(rows: list[dict[str, Any]]) -> str:
    """A panel per data set; the baselines lie so far below that they would hide the rest."""
    panels = []
    for name, (metric, target) in TARGETS.items():
        points = [
            Point(row["title"], **row["metrics"][metric])
            for row in rows
            if row["dataset"] == name and row["contender"] != "baseline"
        ]
        if points:
            panels.append(Panel(f"{name}: {metric}", tuple(points), target))
    return chart(panels)


def _keep_to(cores: int) -> None:
    """Leave this process so many cores, so that whoever chooses its own threads keeps to them."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Accuracy on real tables.")
    parser.add_argument("--datasets", type=some_of(TARGETS), default=list(TARGETS))
    parser.add_argument("--only", type=some_of(CONTENDERS), default=list(CONTENDERS))
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 0 up")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--again", action="store_true", help="run cells that were run before")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    _keep_to(arguments.threads)
    measure(arguments)
    rows = summarise(read_cells(arguments.out / "tables.jsonl"))
    (arguments.out / "tables.json").write_text(json.dumps(rows, indent=1) + "\n")
    (arguments.out / "tables.svg").write_text(draw(rows))
    (arguments.out / "tables.md").write_text(markdown(rows))
    print(markdown(rows), end="")


if __name__ == "__main__":
    main()
