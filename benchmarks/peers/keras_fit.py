"""Keras as it comes: `compile`, then an epoch a `fit` on arrays; for either backend."""

from __future__ import annotations

import keras
import numpy as np

from benchmarks.peers.job import Job, Member
from benchmarks.peers.keras_models import model_of

LOSSES = {
    "cross_entropy": lambda: keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    "mean_squared_error": keras.losses.MeanSquaredError,
    "binary_cross_entropy": lambda: keras.losses.BinaryCrossentropy(from_logits=True),
}


class Fitted:
    def __init__(self, job: Job, member: Member) -> None:
        self.job = job
        keras.utils.set_random_seed(member.seed)
        self.model = model_of(job.model, job.weights(member))
        # PyTorch's epsilon: Keras's own is 1e-7.
        optimizer = keras.optimizers.Adam(member.learning_rate, epsilon=1e-8)
        self.model.compile(optimizer, LOSSES[job.loss]())

    def train(self, order: np.ndarray) -> float:
        inputs, targets = self.job.inputs[order], self.job.targets[order]
        history = self.model.fit(
            inputs, targets, batch_size=self.job.batch_size, epochs=1, shuffle=False, verbose=0
        )
        return float(history.history["loss"][-1])

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        return self.model.predict(inputs, batch_size=len(inputs), verbose=0)


def learner(job: Job, member: Member) -> Fitted:
    return Fitted(job, member)
