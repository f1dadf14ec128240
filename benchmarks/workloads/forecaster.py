"""W5: an LSTM that reads 64 hours and tells the next: many small products, one after another."""

from __future__ import annotations

import numpy as np

from benchmarks.workloads.sources import hourly_electricity
from benchmarks.workloads.workload import REGRESSION, Data, Workload
from ranvier.spec import LSTM, Dense, Network

PLACES = 64
TRAIN_ROWS, TEST_ROWS = 128 * 64, 4096
TEST_SHARE = 0.2


def load() -> Data:
    """Windows of the standardised series: the training ones from the first four fifths of it."""
    values = hourly_electricity()
    cut = round(len(values) * (1 - TEST_SHARE))
    series = (values - values[:cut].mean()) / values[:cut].std()

    def windows(part: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        starts = np.linspace(0, len(part) - PLACES - 1, count).astype(int)
        seen = np.stack([part[start : start + PLACES] for start in starts])[..., None]
        return seen.astype(np.float32), part[starts + PLACES].astype(np.float32)

    return Data(*windows(series[:cut], TRAIN_ROWS), *windows(series[cut:], TEST_ROWS))


WORKLOAD = Workload(
    name="w5",
    title="W5 LSTM forecaster, 128 units, 64 places, batch 64",
    model="forecaster",
    made_of="hourly electricity, 8,192 windows",
    load=load,
    network=Network(LSTM(128, sequence=False), Dense(1)),
    task=REGRESSION,
    loss="mean_squared_error",
    batch_size=64,
    learning_rate=1e-3,
    quality="mean_squared_error",
    aim=1.5,
)
