"""W6: a small GPT on characters, where matrix products and attention are the work."""

from __future__ import annotations

import numpy as np

from benchmarks.workloads.sources import grimm_tales
from benchmarks.workloads.workload import Data, Workload, classes
from ranvier.spec.architectures import gpt

PLACES, CHARACTERS = 128, 72
TRAIN_ROWS, TEST_ROWS = 20 * 32, 256
TEST_SHARE = 0.1


def load() -> Data:
    """Stretches of 128 characters and what follows each; the last tenth of the text is held."""
    codes = grimm_tales()
    cut = round(len(codes) * (1 - TEST_SHARE))

    def stretches(part: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        starts = np.linspace(0, len(part) - PLACES - 1, count).astype(int)
        rows = np.stack([part[start : start + PLACES + 1] for start in starts])
        return rows[:, :-1].copy(), rows[:, 1:].copy()

    return Data(*stretches(codes[:cut], TRAIN_ROWS), *stretches(codes[cut:], TEST_ROWS))


WORKLOAD = Workload(
    name="w6",
    title="W6 GPT on characters, 4 layers × 128, 128 places, batch 32",
    model="gpt",
    made_of="Grimm's tales, 640 stretches of 128 characters",
    load=load,
    network=gpt(
        vocabulary=CHARACTERS, length=PLACES, layers=4, units=128, heads=4, dropout=0.0, tied=False
    ),
    task=classes(CHARACTERS),
    loss="cross_entropy",
    batch_size=32,
    learning_rate=1e-3,
    quality="cross_entropy",
    aim=1.5,
    shows_share=True,
)
