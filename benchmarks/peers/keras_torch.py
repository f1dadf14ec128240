"""Keras 3 on PyTorch."""

import os

os.environ["KERAS_BACKEND"] = "torch"

from benchmarks.peers.keras_fit import learner  # noqa: E402 -- the backend is read on import

__all__ = ["learner"]
