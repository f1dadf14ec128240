"""The network, its loss and its optimiser before the first update: how they are put together."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from ranvier.diagnose.evidence import (
    LayerFacts,
    OptimizerFacts,
    OutputFacts,
    ParameterFacts,
)
from ranvier.diagnose.preflight.calls import (
    ACTIVATION,
    DROPOUT,
    NORMALISATION,
    SHAPE,
    WEIGHTS,
    Call,
    calls_and_head,
    calls_of,
    first_tensor,
)
from ranvier.diagnose.preflight.losses import LossFunction as LossFunction
from ranvier.diagnose.untouched import copied as copied
from ranvier.diagnose.untouched import untouched as untouched

DEAD_BELOW = 1e-5
# The ranges of activations that have two ends, and how near to one a value is saturated.
BOUNDS = {
    "sigmoid": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "hardsigmoid": (0.0, 1.0),
    "hardtanh": (-1.0, 1.0),
}
MARGIN = 0.025


# What of a recurrent or an attending layer is nonlinear, so that nothing has to follow it.
_INNER = {
    "lstm": "tanh", "lstm_cell": "tanh", "gru": "tanh", "gru_cell": "tanh",
    "rnn_tanh": "tanh", "rnn_tanh_cell": "tanh", "rnn_relu": "relu", "rnn_relu_cell": "relu",
    "scaled_dot_product_attention": "softmax", "multi_head_attention_forward": "softmax",
}  # fmt: skip
# Outputs of all layers are held at once: of a large network for fewer rows.
MOST_NUMBERS = 2**24


def layer_facts(module: nn.Module, inputs: Tensor) -> tuple[LayerFacts, ...]:
    """Every function that computes, in order, with moments of what it gives for `inputs`.

    In training mode but for dropout, so that batch normalisation normalises; of a network with
    large layers for the first few rows.
    """
    rows = _rows_to_hold(module, inputs)
    with untouched(module):
        module.train()
        for each in module.modules():
            if "dropout" in type(each).__name__.lower():
                each.eval()
        _, calls, head = calls_and_head(module, inputs[:rows])
    first = next((place for place, call in enumerate(calls) if call.role == WEIGHTS), None)
    return tuple(
        replace(
            _layer(call, _following(calls[place + 1 :])),
            is_output=place == head,
            **(_moments_given(call) if place == first else {}),
        )
        for place, call in enumerate(calls)
        if call.role != SHAPE
    )


def _moments_given(call: Call) -> dict[str, Any]:
    if call.given is None or not call.given.is_floating_point():
        return {}
    values = call.given.double()
    return {"given_mean": float(values.mean()), "given_std": float(values.std(unbiased=False))}


def _rows_to_hold(module: nn.Module, inputs: Tensor) -> int:
    """As many rows as all layers' outputs of fit in `MOST_NUMBERS`, and no fewer than 4."""
    with untouched(module):
        calls = calls_of(module, inputs[:2])[1]
    numbers = sum(call.output.numel() for call in calls if call.output is not None)
    return max(4, 2 * MOST_NUMBERS // max(1, numbers))


def _following(rest: list[Call]) -> str | None:
    """The activation that what is computed goes into before the next weights."""
    for call in rest:
        if call.role == WEIGHTS:
            return None
        if call.role == ACTIVATION:
            return call.name
    return None


def _layer(call: Call, following: str | None) -> LayerFacts:
    own = call.name if call.role == ACTIVATION else _INNER.get(call.name, following)
    found = LayerFacts(
        path=call.path,
        kind=call.name,
        role=call.role,
        activation=own if call.role in (ACTIVATION, WEIGHTS, NORMALISATION) else None,
        rate=call.settings.get("rate") if call.role == DROPOUT else None,
    )
    output = call.output
    if output is None or not output.is_floating_point() or not output.numel():
        return found
    values = output.double()
    magnitude = values.abs()
    return replace(
        found,
        mean=float(values.mean()),
        std=float(values.std(unbiased=False)),
        mean_abs=float(magnitude.mean()),
        dead=float((per_unit_most(magnitude, call.axis) < DEAD_BELOW).double().mean()),
        saturated=saturated_share(values, call.name),
    )


def per_unit_most(magnitude: Tensor, axis: int) -> Tensor:
    """The largest value of each unit, `[F]`, over rows and places."""
    if magnitude.ndim < 2:
        return magnitude.amax().reshape(1)
    return magnitude.movedim(axis, -1).reshape(-1, magnitude.shape[axis]).amax(0)


def saturated_share(values: Tensor, name: str) -> float | None:
    """The share of values in the outer 2.5 % of a bounded activation's range."""
    if name not in BOUNDS:
        return None
    low, high = BOUNDS[name]
    margin = MARGIN * (high - low)
    return float(((values < low + margin) | (values > high - margin)).double().mean())


def parameter_facts(
    module: nn.Module,
    optimized: Iterable[Tensor] | None,
    *,
    reached: Collection[int] | None = None,
) -> tuple[ParameterFacts, ...]:
    """Every parameter as it starts.

    `optimized` are those that the optimiser moves, `reached` the ids of those that the loss depends
    on.
    """
    moved = None if optimized is None else {id(each) for each in optimized}
    return tuple(
        replace(
            _parameter(path, parameter, moved is None or id(parameter) in moved),
            reached=None if reached is None else id(parameter) in reached,
        )
        for path, parameter in module.named_parameters()
        if not isinstance(parameter, nn.UninitializedParameter)
    )


def _parameter(path: str, parameter: Tensor, is_optimized: bool) -> ParameterFacts:
    values = parameter.detach()
    values = (torch.view_as_real(values) if values.is_complex() else values).double()
    receptive = math.prod(parameter.shape[2:])
    is_product = parameter.ndim > 1
    norm = None if parameter.grad is None else float(parameter.grad.norm())
    return ParameterFacts(
        path=path,
        shape=tuple(parameter.shape),
        mean=float(values.mean()) if values.numel() else 0.0,
        variance=float(values.var(unbiased=False)) if values.numel() else 0.0,
        fan_in=int(parameter.shape[1] * receptive) if is_product else None,
        fan_out=int(parameter.shape[0] * receptive) if is_product else None,
        is_trained=parameter.requires_grad,
        is_optimized=is_optimized,
        gradient_norm=norm,
    )


def symmetric_parameters(
    module: nn.Module, loss: LossFunction, inputs: Tensor, targets: Tensor
) -> dict[str, bool]:
    """Of each weight whose elements are all equal, whether its units' gradients are equal too."""
    equal = {
        path: parameter
        for path, parameter in module.named_parameters()
        if parameter.requires_grad and parameter.ndim > 1 and not bool(parameter.detach().var())
    }
    if not equal:
        return {}
    with untouched(module), torch.enable_grad():
        value = torch.as_tensor(loss(module(inputs), targets)).mean()
        gradients = torch.autograd.grad(
            value, list(equal.values()), allow_unused=True, materialize_grads=True
        )
    return {
        path: bool(torch.isclose(gradient, gradient[:1], rtol=1e-4, atol=0.0).all())
        for path, gradient in zip(equal, gradients, strict=True)
    }


def output_facts(module: nn.Module, inputs: Tensor) -> OutputFacts:
    """What comes out for a probe, and by which activation at last, whatever its shape since."""
    with untouched(module):
        given, calls, place = calls_and_head(module, inputs)
    outputs = first_tensor(given)
    if outputs is None:
        raise TypeError(f"the network gives a {type(given).__name__}, and no tensor in it")
    values = outputs.double()
    rows = values.reshape(len(values), -1) if values.ndim else values.reshape(1, 1)
    finite = rows[torch.isfinite(rows)]
    last = None if place is None else calls[place]
    sums = values.sum(1) if values.ndim > 1 and values.shape[1] > 1 else None
    return OutputFacts(
        shape=tuple(outputs.shape[1:]),
        mean=float(finite.mean()) if finite.numel() else 0.0,
        std=float(finite.std(unbiased=False)) if finite.numel() else 0.0,
        least=float(finite.min()) if finite.numel() else 0.0,
        most=float(finite.max()) if finite.numel() else 0.0,
        non_finite=rows.numel() - finite.numel(),
        row_sums_to_one=sums is not None
        and bool((values >= 0).all())
        and bool((sums - 1).abs().max() < 1e-3),
        activation=last.name if last is not None and last.role == ACTIVATION else None,
        differs_by_row=float(rows.std(0, unbiased=False).max()) if len(rows) > 1 else None,
    )


def optimizer_facts(optimizer: torch.optim.Optimizer) -> OptimizerFacts:
    """The settings of torch's optimisers that rules ask about, of the first group."""
    group = optimizer.param_groups[0]
    betas = group.get("betas")
    return OptimizerFacts(
        kind=type(optimizer).__name__,
        learning_rate=float(group.get("lr", math.nan)),
        momentum=float(group["momentum"]) if "momentum" in group else betas and float(betas[0]),
        epsilon=float(group["eps"]) if "eps" in group else None,
        weight_decay=float(group.get("weight_decay") or 0.0),
        maximizes=bool(group.get("maximize", False)),
    )
