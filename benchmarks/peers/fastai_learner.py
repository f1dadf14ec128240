"""fastai's Learner with PyTorch's Adam, so that the mathematics are the others'."""

from __future__ import annotations

from functools import partial

import fastai.callback.progress  # noqa: F401 -- gives Learner its `no_bar`
import numpy as np
import torch
from fastai.callback.core import Callback, CancelValidException
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.learner import Learner
from fastai.optimizer import OptimWrapper
from torch.utils.data import TensorDataset

from benchmarks.peers.job import Job, Member
from benchmarks.peers.modules.registry import criterion_of, module_of, outputs_of, tensors_of


class MeanLoss(Callback):
    """The mean training loss of an epoch; nobody is measured with validation."""

    def before_train(self) -> None:
        self.losses: list[torch.Tensor] = []

    def after_loss(self) -> None:
        self.losses.append(self.learn.loss_grad.detach())

    def before_validate(self) -> None:
        raise CancelValidException

    @property
    def mean(self) -> float:
        return torch.stack(self.losses).mean().item()


class Fitted:
    def __init__(self, job: Job, member: Member) -> None:
        self.job = job
        torch.manual_seed(member.seed)
        self.loader = DataLoader(TensorDataset(*tensors_of(job)), bs=job.batch_size)
        self.mean_loss = MeanLoss()
        self.learn = Learner(
            DataLoaders(self.loader, self.loader, device=torch.device(job.device)),
            module_of(job, member),
            loss_func=criterion_of(job.model),
            opt_func=partial(OptimWrapper, opt=torch.optim.Adam),
            lr=member.learning_rate,
            wd=0.0,
            cbs=self.mean_loss,
        )

    def train(self, order: np.ndarray) -> float:
        self.loader.get_idxs = order.tolist
        with self.learn.no_bar(), self.learn.no_logging():
            self.learn.fit(1)
        return self.mean_loss.mean

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        return outputs_of(self.learn.model, self.job, inputs)


def learner(job: Job, member: Member) -> Fitted:
    return Fitted(job, member)
