"""skorch: a network behind scikit-learn's methods, an epoch a `partial_fit`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from torch import Tensor, nn
from torch.utils.data import Sampler

from benchmarks.peers.job import Job, Member
from benchmarks.peers.modules.registry import criterion_of, module_of, outputs_of, tensors_of


class KnownOrder(Sampler[int]):
    """The rows of the epoch to come."""

    order: np.ndarray

    def __iter__(self) -> Iterator[int]:
        return iter(self.order.tolist())

    def __len__(self) -> int:
        return len(self.order)


class Net(NeuralNet):
    """`NeuralNet` whose mean loss weighs batches alike, as that of the other contenders."""

    def get_loss(self, y_pred: Any, y_true: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return self.criterion_(y_pred, y_true.to(self.device))


class Fitted:
    def __init__(self, job: Job, member: Member) -> None:
        self.job = job
        torch.manual_seed(member.seed)
        self.sampler = KnownOrder()
        self.module: nn.Module = module_of(job, member)
        self.inputs, self.targets = tensors_of(job)
        self.net = Net(
            self.module,
            criterion=criterion_of(job.model),
            optimizer=torch.optim.Adam,
            lr=member.learning_rate,
            batch_size=job.batch_size,
            max_epochs=1,
            train_split=None,
            iterator_train__sampler=self.sampler,
            device=job.device,
            verbose=0,
        )

    def train(self, order: np.ndarray) -> float:
        self.sampler.order = order
        self.net.partial_fit(self.inputs, self.targets)
        return self.net.history[-1, "train_loss"]

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        return outputs_of(self.net.module_, self.job, inputs)


def learner(job: Job, member: Member) -> Fitted:
    return Fitted(job, member)
