"""A peer's training as a curve: what is known after each epoch, printed as one line of JSON.

    python -m benchmarks.pictures.keras_convnet ARRAYS --seconds 600 --seed 0 --threads 1

Only training is counted: neither importing nor loading, nor the measuring of the test pictures.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Protocol

import numpy as np

Arrays = dict[str, np.ndarray]


class Peer(Protocol):
    """A network in training. `epochs` is given once the first epoch has shown what one takes."""

    parameters: int

    def train(self, epoch: int, epochs: int | None) -> None: ...

    def classes(self, pictures: np.ndarray) -> np.ndarray: ...


def arguments() -> argparse.Namespace:
    """What every peer is told."""
    parser = argparse.ArgumentParser()
    parser.add_argument("arrays", type=Path, help="an .npz of inputs, targets and test_…")
    parser.add_argument("--seconds", type=float, required=True, help="processor seconds to train")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def read(path: Path) -> Arrays:
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


def run(peer: Peer, arrays: Arrays, seconds: float) -> None:
    """Train for as many epochs as fit `seconds`, by what the first one takes."""
    spent, waited, epoch, epochs = 0.0, 0.0, 0, None
    while epochs is None or epoch < epochs:
        cpu, wall = time.process_time(), time.perf_counter()
        peer.train(epoch, epochs)
        spent += time.process_time() - cpu
        waited += time.perf_counter() - wall
        epoch += 1
        if epochs is None:
            epochs = max(1, round(seconds / spent))
        right = peer.classes(arrays["test_inputs"]) == arrays["test_targets"]
        line = {
            "epoch": epoch,
            "epochs": epochs,
            "processor_seconds": round(spent, 2),
            "wall_seconds": round(waited, 2),
            "accuracy": float(right.mean()),
            "parameters": peer.parameters,
        }
        print(json.dumps(line), flush=True)
