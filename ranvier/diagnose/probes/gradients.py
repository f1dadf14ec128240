"""What gradients of a few rows tell of the loss: how noisy they are, how sharply it bends."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ranvier.diagnose.untouched import untouched

LossFunction = Callable[..., Tensor]
MICRO_BATCHES = 8
POWER_STEPS = 8
# ‖g‖² is known up to its error only: it counts as no less than this share of what was measured.
LEAST_SHARE = 0.1


def gradient_noise(
    module: nn.Module,
    loss: LossFunction,
    inputs: Tensor,
    targets: Tensor,
    *,
    batch_size: int,
) -> float | None:
    """√(tr Σ / B) / ‖g‖: how much of a batch's gradient is chance, over how much is direction.

    With g_m the gradient of M micro-batches of b rows and ḡ their mean,
    tr Σ = b · Σ_m ‖g_m − ḡ‖² / (M − 1) and ‖g‖² = ‖ḡ‖² − tr Σ / (M b), which is without bias.
    None where there are too few rows.

    Reference: McCandlish et al., An empirical model of large-batch training, 2018.
    """
    rows = len(inputs) // MICRO_BATCHES
    if rows < 1:
        return None
    parameters = _trained(module)
    gradients = []
    with untouched(module), torch.inference_mode(False), torch.enable_grad():
        for m in range(MICRO_BATCHES):
            # Every M-th row, so that rows in order do not make micro-batches of one class each.
            chosen = slice(m, rows * MICRO_BATCHES, MICRO_BATCHES)
            value = loss(module(inputs[chosen]), targets[chosen]).mean()
            gradients.append(_flat(_gradients(value, parameters), parameters))
    g_MP = torch.stack(gradients).double()
    mean_P = g_MP.mean(0)
    trace = rows * float((g_MP - mean_P).square().sum()) / (MICRO_BATCHES - 1)
    whole = float(mean_P.square().sum())
    square = max(whole - trace / (MICRO_BATCHES * rows), LEAST_SHARE * whole)
    return math.sqrt(trace / batch_size / square) if square > 0 else None


class Sharpness:
    """The largest eigenvalue of the loss's Hessian, followed from one evaluation to the next.

    By power iteration with Hessian-vector products, v ← H v / ‖H v‖, begun where the last one
    ended; λ = ⟨v, H v⟩.

    Reference: Cohen et al., Gradient descent typically occurs at the edge of stability, 2021.
    """

    def __init__(self) -> None:
        self._vector: list[Tensor] | None = None

    def measured(
        self, module: nn.Module, loss: LossFunction, inputs: Tensor, targets: Tensor
    ) -> float | None:
        """λ_max now; None where the second derivative is not to be had or is 0."""
        parameters = _trained(module)
        vector = self._vector or _random(parameters)
        found = None
        with untouched(module), torch.inference_mode(False), torch.enable_grad():
            value = loss(module(inputs), targets).mean()
            gradients = torch.autograd.grad(
                value, parameters, create_graph=True, allow_unused=True, materialize_grads=True
            )
            if not any(each.requires_grad for each in gradients):
                return None
            for _ in range(POWER_STEPS):
                product = torch.autograd.grad(
                    gradients, parameters, vector, retain_graph=True, allow_unused=True,
                    materialize_grads=True,
                )  # fmt: skip
                found = _inner(vector, product)
                size = math.sqrt(_inner(product, product))
                if not math.isfinite(size) or size == 0:
                    return None
                vector = [each.detach() / size for each in product]
        self._vector = vector
        return found


def _trained(module: nn.Module) -> list[Tensor]:
    return [p for p in module.parameters() if p.requires_grad and p.is_floating_point()]


def _gradients(value: Tensor, parameters: Sequence[Tensor]) -> Sequence[Tensor | None]:
    return torch.autograd.grad(value, parameters, allow_unused=True)


def _flat(gradients: Sequence[Tensor | None], parameters: Sequence[Tensor]) -> Tensor:
    return torch.cat(
        [
            torch.zeros(p.numel(), device=p.device) if g is None else g.to_dense().float().flatten()
            for g, p in zip(gradients, parameters, strict=True)
        ]
    )


def _inner(one: Sequence[Tensor], other: Sequence[Tensor]) -> float:
    return float(sum((a.detach() * b.detach()).sum() for a, b in zip(one, other, strict=True)))


def _random(parameters: Sequence[Tensor]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.randn(p.shape, generator=generator).to(p.device, p.dtype) for p in parameters]
    size = math.sqrt(_inner(drawn, drawn))
    return [each / size for each in drawn]
