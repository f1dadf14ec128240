"""PyTorch by hand as its tutorials have it: a DataLoader, Adam as it comes, `loss.item()`."""

from __future__ import annotations

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.peers.job import Job, Member
from benchmarks.peers.modules.registry import criterion_of, module_of, outputs_of, tensors_of


class Loaded:
    def __init__(self, job: Job, member: Member) -> None:
        self.job = job
        torch.manual_seed(member.seed)
        self.module = module_of(job, member)
        self.criterion = criterion_of(job.model)
        self.rows = TensorDataset(*tensors_of(job))
        self.optimizer = torch.optim.Adam(self.module.parameters(), lr=member.learning_rate)

    def train(self, order: np.ndarray) -> float:
        loader = DataLoader(self.rows, batch_size=self.job.batch_size, sampler=order.tolist())
        total = 0.0
        for inputs, targets in loader:
            inputs, targets = inputs.to(self.job.device), targets.to(self.job.device)
            self.optimizer.zero_grad()
            loss = self.criterion(self.module(inputs), targets)
            loss.backward()
            self.optimizer.step()
            total += loss.item()
        return total / len(loader)

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        return outputs_of(self.module, self.job, inputs)


def learner(job: Job, member: Member) -> Loaded:
    return Loaded(job, member)
