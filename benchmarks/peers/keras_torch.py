"""Keras 3 on PyTorch."""

import os

# Keras reads it when it is imported.
os.environ["KERAS_BACKEND"] = "torch"

from benchmarks.peers.keras_fit import learner

__all__ = ["learner"]
