"""PyTorch by hand at its best: tensors indexed directly, Adam in one fused kernel."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from benchmarks.peers.job import Job, Member
from benchmarks.peers.modules.registry import criterion_of, module_of, outputs_of, tensors_of


class Indexed:
    """The loop; `runs` is what is called in training, the module itself unless it is compiled."""

    def __init__(self, job: Job, member: Member, *, compiled: bool = False) -> None:
        self.job = job
        torch.manual_seed(member.seed)
        self.module: nn.Module = module_of(job, member)
        self.runs = torch.compile(self.module) if compiled else self.module
        self.criterion = criterion_of(job.model)
        self.inputs, self.targets = (tensor.to(job.device) for tensor in tensors_of(job))
        self.optimizer = torch.optim.Adam(
            self.module.parameters(), lr=member.learning_rate, fused=True
        )

    def train(self, order: np.ndarray) -> float:
        losses = []
        for rows in torch.from_numpy(order).to(self.job.device).split(self.job.batch_size):
            loss = self.criterion(self.runs(self.inputs[rows]), self.targets[rows])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            losses.append(loss.detach())
        return torch.stack(losses).mean().item()

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        return outputs_of(self.module, self.job, inputs)


def learner(job: Job, member: Member) -> Indexed:
    return Indexed(job, member)
