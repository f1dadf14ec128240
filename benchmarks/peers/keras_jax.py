"""Keras 3 on JAX."""

import os

# Keras reads it when it is imported.
os.environ["KERAS_BACKEND"] = "jax"

from benchmarks.peers.keras_fit import learner

__all__ = ["learner"]
