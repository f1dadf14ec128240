"""A last bias fitted to the targets: the network starts by answering what is true on average."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ranvier.core.errors import DataError, NetworkError
from ranvier.core.task import TaskKind

_SOLE = "give the last layer one output, or one for each class"


def prior_bias(
    task: TaskKind, target: Tensor, *, outputs: int, sample_weight: Tensor | None = None
) -> Tensor:
    """What a network should answer that has seen the targets but no input.

        regression                              mean of the targets
        classification, an output per class     ln p_k, p the frequencies of the classes
        classification, one output              ln(p₁ / p₀)
        classification, targets [B, K]          ln(p₁ / p₀) of each column, for labels that are
                                                yes or no each on its own

    Softmax and sigmoid turn the logits back into the frequencies. A class without a row counts as
    half a row, so that its logit is finite.

    >>> prior_bias("classification", torch.tensor([0, 1, 1, 1]), outputs=1)
    tensor([1.0986])

    Shapes: target [B] or [B, K], sample_weight [B] -> [outputs].

    Raises:
        DataError: for targets that do not fit `outputs`, or for no target at all.

    Reference: Lin et al. 2017, arXiv:1708.02002 (section 4.1).
    """
    columns = target.double().unsqueeze(1) if target.dim() == 1 else target.double()
    weight = torch.ones(len(target)) if sample_weight is None else sample_weight
    if not len(target) or columns.dim() != 2 or columns.shape[1] not in (1, outputs):
        raise DataError(
            f"prior_bias: got targets of shape {tuple(target.shape)} for {outputs} outputs; "
            f"expected [B] or [B, {outputs}], with a row at least."
        )
    weight = weight.to(columns)
    if task == "regression":
        mean = (weight.unsqueeze(1) * columns).sum(dim=0) / weight.sum()
        return mean.expand(outputs).float().clone()
    if outputs > 1 and columns.shape[1] == 1:
        return _log_frequencies(columns[:, 0].long(), weight, outputs).float()
    _refuse_beyond(columns, 2)
    yes = (weight.unsqueeze(1) * columns).sum(dim=0)
    counts = torch.stack([weight.sum() - yes, yes]).clamp(min=0.5)
    return (counts[1].log() - counts[0].log()).float()


def _log_frequencies(classes: Tensor, weight: Tensor, outputs: int) -> Tensor:
    _refuse_beyond(classes, outputs)
    counts = weight.new_zeros(outputs).index_add_(0, classes, weight).clamp(min=0.5)
    return counts.log() - counts.sum().log()


def _refuse_beyond(classes: Tensor, count: int) -> None:
    low, high = classes.min().item(), classes.max().item()
    if low < 0 or high >= count:
        raise DataError(
            f"prior_bias: got classes from {low:g} to {high:g}; expected numbers from 0 to "
            f"{count - 1}. Number the classes from 0, and {_SOLE}."
        )


@torch.no_grad()
def start_at_prior_(
    module: nn.Module, task: TaskKind, target: Tensor, *, sample_weight: Tensor | None = None
) -> Tensor:
    """Set the last bias of `module` to the prior of the targets, and return that prior.

    The first updates then need not learn what is true on average: with rare classes, or targets
    far from 0, this saves the steep first part of the learning curve. An ensemble's members all
    get the same. The targets are those of the loss, scaled if it gets them scaled.

    >>> import ranvier as rv
    >>> module = rv.build(rv.Network(rv.Dense(8), rv.Dense(1)), 3)
    >>> start_at_prior_(module, "regression", torch.tensor([10.0, 14.0]))
    tensor([12.])

    Shapes: target [B] or [B, K] -> [outputs].

    Raises:
        NetworkError: for a module whose last layer has no bias, or an activation that bends a
            regression's mean.
        DataError: for targets that do not fit the last layer.
    """
    name, bias, last = _last_bias(module)
    described = getattr(getattr(last, "layer", None), "activation", None)
    if task == "regression" and described is not None and described.function != "linear":
        raise NetworkError(
            f"{name}: got the activation {described.function!r} after the last bias; expected "
            "none for regression. Leave the activation out, or set the bias by hand."
        )
    prior = prior_bias(task, target, outputs=bias.shape[-1], sample_weight=sample_weight)
    bias.copy_(prior.to(bias))
    return prior


@torch.no_grad()
def start_first_output_at_(module: nn.Module, value: float) -> bool:
    """Set the last bias of the first output to `value`, of every member of an ensemble.

    Whether it was done: nothing is where the network ends without a bias.
    """
    try:
        _, bias, _ = _last_bias(module)
    except NetworkError:
        return False
    bias[..., 0] = value
    return True


def _last_bias(module: nn.Module) -> tuple[str, Tensor, nn.Module]:
    """The bias of the last map, which is the last module that has a weight of two axes or more."""
    maps = [
        (name, inner)
        for name, inner in module.named_modules()
        if isinstance(getattr(inner, "weight", None), Tensor) and inner.weight.dim() >= 2
    ]
    name, last = maps[-1] if maps else ("", module)
    bias = getattr(last, "bias", None)
    if not isinstance(bias, Tensor):
        raise NetworkError(
            f"{name or 'network'}: got a last layer without a bias; expected one to set. "
            "End the network in a Dense with bias=True."
        )
    return name or "network", bias, last
