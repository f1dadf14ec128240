"""Which module, loss and layout of the data a job is for PyTorch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.peers.job import Job, Member, Weights
from benchmarks.peers.modules import forecaster, gpt, lenet, mlp, residual_cnn, vae

MAKERS = {
    "mlp": mlp.from_weights,
    "lenet": lenet.from_weights,
    "residual_cnn": residual_cnn.from_weights,
    "forecaster": forecaster.from_weights,
    "gpt": gpt.from_weights,
    "vae": vae.from_weights,
}
PICTURES = ("lenet", "residual_cnn")


class PlaceCrossEntropy(nn.Module):
    """Cross-entropy of every place's class: logits [B, T, C], targets [B, T]."""

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.cross_entropy(outputs.flatten(0, 1), targets.flatten())


def module_of(job: Job, member: Member) -> nn.Module:
    """The member's network before its first step, on the job's device."""
    return made(job.model, job.weights(member)).to(job.device)


def made(model: str, weights: Weights) -> nn.Module:
    """The network of these weights."""
    return MAKERS[model]({name: torch.from_numpy(values) for name, values in weights.items()})


def criterion_of(model: str) -> nn.Module:
    """What is made small: a function of the network's outputs and the targets."""
    if model == "gpt":
        return PlaceCrossEntropy()
    if model == "vae":
        return vae.EvidenceBound()
    return nn.MSELoss() if model == "forecaster" else nn.CrossEntropyLoss()


def tensors_of(job: Job) -> tuple[Tensor, Tensor]:
    """The training rows as the network takes them."""
    return inputs_of(job.model, job.inputs), torch.from_numpy(job.targets)


def inputs_of(model: str, inputs: np.ndarray) -> Tensor:
    """Rows of inputs as the network takes them: pictures with their channels first."""
    tensor = torch.from_numpy(inputs)
    return tensor.permute(0, 3, 1, 2).contiguous() if model in PICTURES else tensor


@torch.no_grad()
def outputs_of(module: nn.Module, job: Job, inputs: np.ndarray) -> np.ndarray:
    """What the network gives in evaluation."""
    module.eval()
    outputs = module(inputs_of(job.model, inputs).to(job.device)).float().cpu().numpy()
    module.train()
    return outputs
