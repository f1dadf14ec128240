"""What Ranvier's trainer costs a step, everything recorded, beside a loop written by hand.

    python -m benchmarks.overhead [--repeats 9] [--threads 1] [--executors eager,replay,native]

The network is small (20-64-64-10, batches of 32), so nearly all of the time is overhead. The loop
by hand is the plainest there is: tensors indexed directly, fused Adam, validation after every
epoch, nothing recorded but the losses. Both start from the same weights and take the same rows in
the same order; that their losses agree is shown first, or the times would compare two things.

A step's time is the slope between a short and a long training, so what is done once (reading the
table, the last evaluation, the report) does not count. Repeats alternate in one process, since on
a shared machine only a ratio of neighbours means something.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import nn
from torch.nn import functional

import ranvier as rv
from benchmarks.machine import machine, sentence
from ranvier.core.random import generator
from ranvier.data.order import epoch_order
from ranvier.data.tabular import TableData, prepare
from ranvier.runs.settings import TrainSettings

FEATURES, CLASSES, BATCH, LEARNING_RATE, SEED = 20, 10, 32, 1e-3, 0
TRAIN_ROWS, OTHER_ROWS = 200 * BATCH, 20 * BATCH
SHORT, LONG = 2, 22
LOSS_TOLERANCE = 1e-3
AIM = 1.2
NETWORK = rv.Network(
    rv.Dense(64, activation="relu"), rv.Dense(64, activation="relu"), rv.Dense(CLASSES)
)


def make_tables(folder: Path) -> dict[str, Any]:
    """Ten noisy classes in twenty numbers, as files: the settings that name them."""
    draw = generator(SEED, "benchmark", "overhead")
    directions = draw.normal(size=(FEATURES, CLASSES))
    paths = {}
    for part, rows in (("train", TRAIN_ROWS), ("validation", OTHER_ROWS), ("test", OTHER_ROWS)):
        inputs = draw.normal(size=(rows, FEATURES))
        scores = inputs @ directions + draw.gumbel(scale=2.0, size=(rows, CLASSES))
        columns = {f"x{j}": inputs[:, j] for j in range(FEATURES)}
        labels = pl.Series([f"class {k}" for k in scores.argmax(axis=1)])
        paths[part] = folder / f"{part}.parquet"
        pl.DataFrame({**columns, "y": labels}).write_parquet(paths[part])
    return {
        "source": str(paths["train"]),
        "validation": str(paths["validation"]),
        "test": str(paths["test"]),
        "target": "y",
    }


def train_by_hand(data: TableData, epochs: int) -> list[float]:
    """The loop that a person would write; the loss of every step."""
    network = nn.Sequential(
        nn.Linear(FEATURES, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, CLASSES)
    )
    start = rv.build(NETWORK, (FEATURES,), seed=SEED).parameters()
    with torch.no_grad():
        for mine, theirs in zip(network.parameters(), start, strict=True):
            mine.copy_(theirs)
    held = data.validation
    assert held is not None, "its rows have a file of their own"
    inputs, targets = torch.tensor(data.train.inputs), torch.tensor(data.train.targets)
    held_inputs, held_targets = torch.tensor(held.inputs), torch.tensor(held.targets)
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, fused=True)
    losses = []
    for epoch in range(epochs):
        network.train()
        order = torch.from_numpy(epoch_order(SEED, epoch, len(inputs)))
        for rows in order.split(BATCH):
            loss = functional.cross_entropy(network(inputs[rows]), targets[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        network.eval()
        with torch.no_grad():
            functional.cross_entropy(network(held_inputs), held_targets).item()
    return torch.stack(losses).tolist()


def train_with_ranvier(
    tables: dict[str, Any], epochs: int, threads: int, executor: str
) -> list[float]:
    """The same by `rv.train`, every record kept; the loss of every step, out of the run."""
    with tempfile.TemporaryDirectory(prefix="ranvier-") as folder:
        run = rv.train(
            NETWORK,
            tables["source"],
            **{key: value for key, value in tables.items() if key != "source"},
            optimizer={"kind": "adam"},
            schedule={"kind": "constant"},
            learning_rate=LEARNING_RATE,
            weight_decay=0.0,
            clip_norm=0.0,
            average_decay=0.0,
            patience=0,
            batch_size=BATCH,
            epochs=epochs,
            seed=SEED,
            threads=threads,
            executor=executor,
            number_format="float32",
            out=Path(folder) / "run",
        )
        return [loss for window in run.history.windows for loss in window["loss"]]


@dataclass(frozen=True)
class StepTime:
    """Seconds a step, on the clock and of the processor."""

    clock: float
    processor: float


def time_per_step(train: Callable[[int], object]) -> StepTime:
    """The slope between a short and a long training."""
    stamps = [(time.perf_counter(), time.process_time())]
    for epochs in (SHORT, LONG):
        train(epochs)
        stamps.append((time.perf_counter(), time.process_time()))
    steps = (LONG - SHORT) * TRAIN_ROWS / BATCH
    start, middle, end = np.array(stamps)
    clock, processor = ((end - middle) - (middle - start)) / steps
    return StepTime(float(clock), float(processor))


def largest_difference(ours: list[float], by_hand: list[float]) -> float:
    """The largest relative difference between the losses of the same steps."""
    if len(ours) != len(by_hand):
        raise SystemExit(f"Ranvier took {len(ours)} steps and the loop by hand {len(by_hand)}.")
    mine, theirs = np.asarray(ours), np.asarray(by_hand)
    return float(np.max(np.abs(mine - theirs) / np.abs(theirs)))


def spread(values: list[float]) -> dict[str, float]:
    """Median and quartiles."""
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": median, "quartile_1": low, "quartile_3": high}


def measure(repeats: int, threads: int, executors: list[str]) -> dict[str, Any]:
    torch.set_num_threads(threads)
    here = machine(threads=threads)
    with tempfile.TemporaryDirectory(prefix="ranvier-") as folder:
        tables = make_tables(Path(folder))
        source = tables["source"]
        settings = TrainSettings(**{k: v for k, v in tables.items() if k != "source"})
        data = prepare(source, settings, form="one_hot")

        def by_hand(epochs: int) -> list[float]:
            return train_by_hand(data, epochs)

        found = {
            executor: _beside(
                by_hand,
                lambda epochs, by=executor: train_with_ranvier(tables, epochs, threads, by),
                repeats,
            )
            for executor in executors
        }
    return {
        "network": "20-64-64-10",
        "batch_size": BATCH,
        "repeats": repeats,
        "executors": found,
        "aim": AIM,
        "machine": here,
    }


def _beside(
    by_hand: Callable[[int], list[float]], ours: Callable[[int], list[float]], repeats: int
) -> dict[str, Any]:
    difference = largest_difference(ours(SHORT), by_hand(SHORT))
    if difference > LOSS_TOLERANCE:
        raise SystemExit(f"The losses differ by {difference:.1e}: nothing to compare.")
    pairs = [(time_per_step(by_hand), time_per_step(ours)) for _ in range(repeats)]
    return {
        "largest_relative_difference_of_losses": difference,
        "clock": _compare([(hand.clock, own.clock) for hand, own in pairs]),
        "processor": _compare([(hand.processor, own.processor) for hand, own in pairs]),
    }


def _compare(pairs: list[tuple[float, float]]) -> dict[str, dict[str, float]]:
    return {
        "by_hand_ms": spread([1e3 * hand for hand, _ in pairs]),
        "ranvier_ms": spread([1e3 * own for _, own in pairs]),
        "ratio": spread([own / hand for hand, own in pairs]),
    }


def markdown(result: dict[str, Any]) -> str:
    """The figures for people."""

    def words(spread: dict[str, float], digits: int) -> str:
        ends = (spread["median"], spread["quartile_1"], spread["quartile_3"])
        return "{:.{d}f} ({:.{d}f}–{:.{d}f})".format(*ends, d=digits)

    lines = [
        f"| {result['network']}, batch {result['batch_size']} "
        "| by hand, ms a step | Ranvier, ms a step | ratio | aim |",
        "| --- | --- | --- | --- | --- |",
    ]
    for executor, found in result["executors"].items():
        for title, key in (("on the clock", "clock"), ("of the processor", "processor")):
            figures = found[key]
            lines.append(
                f"| {executor}, {title} | {words(figures['by_hand_ms'], 3)} "
                f"| {words(figures['ranvier_ms'], 3)} "
                f"| {words(figures['ratio'], 2)} | at most {result['aim']} |"
            )
    largest = max(
        found["largest_relative_difference_of_losses"] for found in result["executors"].values()
    )
    return "\n".join(
        [
            *lines,
            "",
            f"Median and quartiles of {result['repeats']} repeats in turns; losses of the same "
            f"steps differ by {largest:.0e} at most. "
            f"Measured on: {sentence(result['machine'])}.\n",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="The trainer's overhead a step.")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    parser.add_argument("--executors", default="eager,replay,native")
    arguments = parser.parse_args()
    result = measure(arguments.repeats, arguments.threads, arguments.executors.split(","))
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "overhead.json").write_text(json.dumps(result, indent=1) + "\n")
    print(markdown(result), end="")


if __name__ == "__main__":
    main()
