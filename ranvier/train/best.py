"""The best weights so far, and whether it is time to stop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ranvier.step import State


@dataclass
class Best:
    """Remembers the weights of the best evaluation; scores are kept so that lower is better.

    Reference: Prechelt, "Early stopping — but when?", 1998.
    """

    patience: int
    scores: list[float] = field(default_factory=list)
    epoch: int | None = None
    score: float = float("inf")
    evaluations_since: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)

    def observe(
        self, epoch: int, score: float, state: State, answer: Mapping[str, Tensor] | None
    ) -> bool:
        """Take an evaluation in; whether it is the best so far.

        `answer` holds the tensors that predicted in place of the network's own, by name.
        """
        self.scores.append(score)
        # A score that is not a number never wins, and the first evaluation always does: there
        # must be weights to restore.
        if not (score < self.score or self.epoch is None):
            self.evaluations_since += 1
            return False
        self.epoch, self.evaluations_since = epoch, 0
        self.score = score if score == score else float("inf")
        self._keep(state, answer or {})
        return True

    @torch.no_grad()
    def _keep(self, state: State, answer: Mapping[str, Tensor]) -> None:
        named = zip(state.names, state.parameters, strict=True)
        current = {f"parameter/{name}": answer.get(name, own) for name, own in named}
        current |= {f"buffer/{name}": answer.get(name, own) for name, own in state.buffers.items()}
        if self.weights:
            for name, tensor in current.items():
                self.weights[name].copy_(tensor)
        else:
            self.weights = {name: tensor.detach().clone() for name, tensor in current.items()}

    @property
    def should_stop(self) -> bool:
        return bool(self.patience) and self.evaluations_since >= self.patience

    @torch.no_grad()
    def restore(self, state: State) -> None:
        """Put the best weights into the network."""
        for name, parameter in zip(state.names, state.parameters, strict=True):
            parameter.copy_(self.weights[f"parameter/{name}"])
        for name, buffer in state.buffers.items():
            buffer.copy_(self.weights[f"buffer/{name}"])

    def tensors(self) -> dict[str, Tensor]:
        return {f"best/{name}": tensor for name, tensor in self.weights.items()}

    def document(self) -> dict[str, Any]:
        return {
            "scores": self.scores,
            "epoch": self.epoch,
            "score": None if self.score == float("inf") else self.score,
            "evaluations_since": self.evaluations_since,
        }

    def load(self, tensors: Mapping[str, Tensor], document: Mapping[str, Any]) -> None:
        self.scores = [float("nan") if s is None else s for s in document["scores"]]
        self.epoch = document["epoch"]
        self.score = float("inf") if document["score"] is None else document["score"]
        self.evaluations_since = document["evaluations_since"]
        self.weights = {
            name.removeprefix("best/"): tensor.clone()
            for name, tensor in tensors.items()
            if name.startswith("best/")
        }
