"""What somebody does who has no doctor: trainings with settings drawn at random, the best kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.doctor.repair_cases import Setup

OPTIMIZERS = ("sgd", "rmsprop", "adam", "adamw")
ACTIVATIONS = ("relu", "tanh", "sigmoid", "gelu")
BATCHES = (16, 32, 64, 128)
DROPOUTS = (0.0, 0.0, 0.1, 0.3, 0.5)
CLIPS = (0.0, 1.0)
RATES = (-5.0, 0.0)
DECAYS = (-5.0, -1.0)


def drawn(setup: Setup, random: np.random.Generator, epochs: int) -> Setup:
    """The setup with another learning rate (log-uniform from 10⁻⁵ to 1), optimiser, clipping,
    weight decay, dropout, activation and batch size; all else stays, a fault in it too."""
    optimizer = {
        "kind": str(random.choice(OPTIMIZERS)),
        "learning_rate": float(10 ** random.uniform(*RATES)),
        "weight_decay": float(random.choice([0.0, 10 ** random.uniform(*DECAYS)])),
    }
    if optimizer["kind"] == "sgd":
        optimizer["momentum"] = 0.9
    changed = setup.under(
        optimizer=optimizer,
        batch_size=int(random.choice(BATCHES)),
        clip_norm=float(random.choice(CLIPS)),
        epochs=epochs,
    )
    return replace(
        changed,
        dropout=float(random.choice(DROPOUTS)),
        activation=str(random.choice(ACTIVATIONS)),
    )
