"""The fused updates of the usual optimisers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from ranvier.step.native.lowering import Lowering, NativeUnsupported, lowers
from ranvier.step.native.program import Word
from ranvier.step.native.values import View

Views = Sequence[View]


def _rate(lowering: Lowering, lr: View | float) -> View:
    """The learning rate in double precision, in memory."""
    view = lr if isinstance(lr, View) else lowering.constant(lr, (), torch.float64)
    if view.dtype != torch.float64:
        view = lowering.element("copy", view, dtype=torch.float64)
    return view


def _alike(lowering: Lowering, parameter: View, gradient: View) -> View:
    """The gradient with its places in the parameter's order."""
    if not parameter.is_contiguous:
        raise NativeUnsupported("parameters that do not lie in a row")
    return lowering.contiguous(gradient)


def _require(maximize: bool, *scales: Any) -> None:
    if maximize or any(scale is not None for scale in scales):
        raise NativeUnsupported("an optimiser that maximises or unscales")


def _adam(is_decoupled: bool) -> Any:
    def handler(
        lowering: Lowering,
        parameters: Views,
        gradients: Views,
        means: Views,
        squares: Views,
        largest: Views,
        steps: Views,
        *,
        lr: View | float,
        beta1: float,
        beta2: float,
        weight_decay: float,
        eps: float,
        amsgrad: bool,
        maximize: bool,
        grad_scale: Any = None,
        found_inf: Any = None,
    ) -> None:
        _require(maximize, grad_scale, found_inf)
        rate = _rate(lowering, lr)
        gradients = [_alike(lowering, p, g) for p, g in zip(parameters, gradients, strict=True)]
        words: list[Word] = [int(is_decoupled), float(beta1), float(beta2), float(weight_decay)]
        words += [float(eps), rate, lowering.threads, len(parameters)]
        for i, parameter in enumerate(parameters):
            most: Word = largest[i] if amsgrad else 0
            words += [parameter.numel, parameter, gradients[i], means[i], squares[i], most]
            words.append(steps[i])
        written = [*parameters, *means, *squares, *(largest if amsgrad else ())]
        lowering.emit("adam", words, reads=[rate, *gradients, *steps, *written], writes=written)

    return handler


lowers("aten::_fused_adam_")(_adam(False))
lowers("aten::_fused_adamw_")(_adam(True))


@lowers("aten::_fused_sgd_")
def _sgd(
    lowering: Lowering,
    parameters: Views,
    gradients: Views,
    velocities: Views,
    *,
    weight_decay: float,
    momentum: float,
    lr: View | float,
    dampening: float,
    nesterov: bool,
    maximize: bool,
    is_first_step: bool,
    grad_scale: Any = None,
    found_inf: Any = None,
) -> None:
    _require(maximize, grad_scale, found_inf)
    if is_first_step:
        raise NativeUnsupported("an optimiser that treats its first step apart")
    rate = _rate(lowering, lr)
    gradients = [_alike(lowering, p, g) for p, g in zip(parameters, gradients, strict=True)]
    words: list[Word] = [float(weight_decay), float(momentum), float(dampening), int(nesterov)]
    words += [rate, lowering.threads, len(parameters)]
    for i, parameter in enumerate(parameters):
        velocity: Word = velocities[i] if momentum else 0
        words += [parameter.numel, parameter, gradients[i], velocity]
    written = [*parameters, *(velocities if momentum else ())]
    lowering.emit("sgd", words, reads=[rate, *gradients, *written], writes=written)


@lowers("aten::_fused_adagrad_")
def _adagrad(
    lowering: Lowering,
    parameters: Views,
    gradients: Views,
    sums: Views,
    steps: Views,
    *,
    lr: View | float,
    lr_decay: float,
    weight_decay: float,
    eps: float,
    maximize: bool,
    grad_scale: Any = None,
    found_inf: Any = None,
) -> None:
    """Out of operations on elements: it has no need of a kernel of its own."""
    _require(maximize, grad_scale, found_inf)
    for parameter, gradient, total, step in zip(parameters, gradients, sums, steps, strict=True):
        slope = gradient
        if weight_decay:
            decay = lowering.element("mul", parameter, weight_decay)
            slope = lowering.element("add", gradient, decay)
        lowering.element("add", total, lowering.element("square", slope), into=total)
        rate: View | float = lr
        if lr_decay:
            past = lowering.element("mul", lowering.element("sub", step, 1.0), lr_decay)
            rate = lowering.element("div", lr, lowering.element("add", past, 1.0))
        size = lowering.element("add", lowering.element("sqrt", total), eps)
        way = lowering.element("mul", lowering.element("div", slope, size), rate)
        lowering.element("sub", parameter, way, into=parameter)
