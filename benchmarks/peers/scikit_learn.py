"""scikit-learn's MLPClassifier, an epoch a `partial_fit`; it has dense networks only."""

from __future__ import annotations

import numpy as np
from sklearn.neural_network import MLPClassifier

from benchmarks.peers.job import Job, Member


def refusal(job: Job) -> str | None:
    """Why it does not take the job."""
    return None if job.model == "mlp" else "not offered: scikit-learn has dense networks only"


class Started(MLPClassifier):
    """Starts from given weights instead of drawing its own."""

    start: list[np.ndarray]

    def _initialize(self, y: np.ndarray, layer_units: list[int], dtype: np.dtype) -> None:
        super()._initialize(y, layer_units, dtype)
        self.coefs_ = [matrix.T.astype(dtype, order="C") for matrix in self.start[::2]]
        self.intercepts_ = [bias.astype(dtype) for bias in self.start[1::2]]


class Fitted:
    def __init__(self, job: Job, member: Member) -> None:
        self.job = job
        weights = list(job.weights(member).values())
        self.classes = np.arange(len(weights[-1]))
        self.model = Started(
            [len(bias) for bias in weights[1:-1:2]],
            alpha=0.0,
            batch_size=job.batch_size,
            learning_rate_init=member.learning_rate,
            shuffle=False,
            random_state=member.seed,
        )
        self.model.start = weights

    def train(self, order: np.ndarray) -> float:
        inputs, targets = self.job.inputs[order], self.job.targets[order]
        self.model.partial_fit(inputs, targets, classes=self.classes)
        return self.model.loss_

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        return np.log(self.model.predict_proba(inputs))


def learner(job: Job, member: Member) -> Fitted:
    return Fitted(job, member)
