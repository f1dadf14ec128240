"""The network and the training that a table gets where nothing was asked for, sized to the data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ranvier.apps.choices import Choice
from ranvier.apps.tabular.bins import quantile_edges
from ranvier.core.task import Task
from ranvier.spec import (
    Dropout,
    Initializer,
    Layer,
    MemberDense,
    Members,
    Network,
    PiecewiseEmbedding,
    SharedDense,
    TableFeatures,
)

if TYPE_CHECKING:
    from ranvier.data.tabular import Layout

MEMBERS = 8
WIDTH = 256
DEPTH = 2
# A bin is there to be learnt from: it holds at least this many rows, if it is one of the quantiles.
ROWS_PER_BIN = 50
MOST_BINS = 48
# A category of more values than this gets learnt vectors instead of an indicator per value.
ONE_HOT_UP_TO = 64
CATEGORY_UNITS = 16
# All numeric columns together become at most this many features, 16 a column where they fit.
NUMBER_FEATURES = 512
FEW_ROWS = 5_000


def default_network(
    layout: Layout, task: Task, *, numbers: NDArray[np.float32], outputs: int | None = None
) -> tuple[Network, str]:
    """The network for a table laid out so, and why it is that one.

    `numbers` holds the numeric columns of the training rows as the network will see them; their
    quantiles become the bins of the numbers' curves. `outputs` are as many as the loss wants, where
    that is not what the task has.
    """
    hidden: list[Layer] = []
    if is_noisy(task, num_rows=len(numbers)):
        dropout, _ = regularisation(task, num_rows=len(numbers))
        spreads: list[Initializer | str] = [Initializer("normal", std=1.0), *["ones"] * (DEPTH - 1)]
        for spread in spreads:
            hidden.append(SharedDense(WIDTH, activation="relu", input_scale=spread))
            hidden.append(Dropout(dropout))
        why = f"sharing weights and dropout {dropout:g} keep them from learning noise (TabM)"
    else:
        hidden += [MemberDense(WIDTH, activation="relu")] * DEPTH
        why = "with weights of their own, as many rows of a number leave little noise to learn"
    last = MemberDense(task.outputs if outputs is None else outputs)
    network = Network(table_features(layout, numbers), Members(MEMBERS), *hidden, last)
    return network, (
        f"an ensemble of {MEMBERS} networks trained as one, {DEPTH} layers of {WIDTH} relu units "
        f"each, whose answers are averaged; {why}"
    )


def is_noisy(task: Task, *, num_rows: int) -> bool:
    """Whether a network could learn the rows by heart: a class is a coin's toss, or few rows."""
    return task.is_classification or num_rows < FEW_ROWS


def regularisation(task: Task, *, num_rows: int) -> tuple[float, float]:
    """Dropout's rate and the weight decay.

    A label of two classes tells one bit at most, and where it is a coin's toss the toss is what a
    network of this size learns next: ACS employment gains 0.0004 of AUC by 0.3 and 0.1 over 0.1
    and 0.02. Labels of many classes say more, and the same cure costs Letter a point of accuracy.
    """
    if not is_noisy(task, num_rows=num_rows):
        return 0.0, 0.01
    return (0.3, 0.1) if task.outputs == 2 else (0.1, 0.02)


def table_features(layout: Layout, numbers: NDArray[np.float32]) -> TableFeatures:
    """The way in: numbers as piecewise-linear curves, categories as indicators or vectors.

    Where there are so many numeric columns that each would get under 4 features, they stay as
    they are.
    """
    units = min(16, NUMBER_FEATURES // max(1, layout.numeric))
    curves = None
    if layout.numeric and units >= 4:
        bins = min(MOST_BINS, max(4, len(numbers) // ROWS_PER_BIN))
        edges = tuple(quantile_edges(column, bins=bins) for column in numbers.T)
        curves = PiecewiseEmbedding(edges=edges, units=units)
    return TableFeatures(
        numeric=layout.numeric,
        cardinalities=layout.cardinalities,
        numbers=curves,
        one_hot_up_to=ONE_HOT_UP_TO,
        embedding=CATEGORY_UNITS,
    )


def default_settings(network: Network, task: Task, *, num_rows: int) -> list[Choice]:
    """Every setting of the training that data should decide, and why it is so."""
    batch_size = default_batch_size(num_rows)
    steps = math.ceil(num_rows / batch_size)
    _, decay = regularisation(task, num_rows=num_rows)
    updates = 3_000 if is_noisy(task, num_rows=num_rows) else 4_000
    epochs = min(150, max(8, round(updates / steps)))
    loss = "cross_entropy" if task.is_classification else "mean_squared_error"
    rate = max(0.001, 0.004 * min(batch_size / 256, math.sqrt(batch_size / 256)))
    rate_why = f"suits {batch_size:,} rows an update"
    if network.members is None:
        rate, rate_why, decay = 0.001, "the usual one for a network of one's own", 0.01
    anneal = {"kind": "cosine", "warmup": 0.02}
    usual = "honest probabilities" if task.is_classification else "the mean of what to expect"
    return [
        Choice("loss", loss, f"what {task.kind} minimises: it rewards {usual}"),
        Choice("optimizer", "adamw", "gives each weight a step of its own size"),
        Choice("learning_rate", rate, rate_why),
        Choice("schedule", anneal, "a short rise, then a fall to 0, so that weights settle"),
        Choice("weight_decay", decay, "pulls weights towards 0, so that less noise is learnt"),
        Choice("clip_norm", 0.0, "no limit: these networks train well without"),
        Choice("average_decay", 0.0, "none: weights that settled gain nothing by averaging"),
        Choice("batch_size", batch_size, f"{steps:,} updates an epoch of {num_rows:,} rows"),
        Choice("epochs", epochs, f"{epochs * steps:,} updates, as a table of this size needs"),
        Choice("patience", 20, "epochs without gain before it stops; the best is kept"),
        Choice("metric", "loss", "of the validation rows; it picks the epoch to keep"),
    ]


def default_batch_size(num_rows: int) -> int:
    """Rows per update: the power of two nearest to a 64th of the rows, from 32 to 256.

    Above 200,000 rows it is 1,024, where an update's fixed cost no longer counts.

    >>> [default_batch_size(rows) for rows in (400, 6_000, 14_000, 58_000, 2_000_000)]
    [32, 128, 256, 256, 1024]
    """
    if num_rows > 200_000:
        return 1_024
    return int(np.clip(2 ** round(math.log2(max(1, num_rows / 64))), 32, 256))
