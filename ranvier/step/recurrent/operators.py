"""The kernels as operations of torch, so that a captured update holds them as nodes.

Tensors as in `kernels`; an LSTM's memory is None for other cells.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from ranvier.step.recurrent.kernels import (
    Gradients,
    Read,
    Weights,
    backward,
    empty_gradients,
    empty_read,
    forward,
)

_LIBRARY = torch.library.Library("ranvier", "FRAGMENT")
_SHARED = "Tensor weight_input, Tensor weight_state, Tensor? bias_input, Tensor? bias_state"
_LIBRARY.define(
    f"recurrent_forward(str cell, Tensor input, {_SHARED}, Tensor hidden, Tensor? memory, "
    "bool reverse, bool half) -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)"
)
_LIBRARY.define(
    f"recurrent_backward(str cell, {_SHARED}, Tensor? memory, Tensor outputs, Tensor last_hidden, "
    "Tensor last_memory, Tensor read, Tensor gates, Tensor memories, Tensor? output_gradient, "
    "Tensor? hidden_gradient, Tensor? memory_gradient, bool reverse, bool half, bool wants_input) "
    "-> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)"
)


def _forward(cell: str, input: Tensor, *rest: Any) -> Read:
    *weights, hidden, memory, reverse, half = rest
    return forward(cell, input, Weights(*weights), hidden, memory, reverse=reverse, half=half)


def _forward_form(cell: str, input: Tensor, *rest: Any) -> Read:
    *weights, hidden, memory, _, _ = rest
    return empty_read(cell, input, Weights(*weights), hidden, memory)


def _backward(cell: str, *rest: Any) -> Gradients:
    weights, memory, read, gradients = Weights(*rest[:4]), rest[4], Read(*rest[5:11]), rest[11:14]
    choices = dict(zip(("reverse", "half", "wants_input"), rest[14:], strict=True))
    return backward(cell, weights, memory, read, *gradients, **choices)


def _backward_form(cell: str, *rest: Any) -> Gradients:
    return empty_gradients(Weights(*rest[:4]), Read(*rest[5:11]), wants_input=rest[16])


_LIBRARY.impl("recurrent_forward", _forward, "CPU")
_LIBRARY.impl("recurrent_backward", _backward, "CPU")
_LIBRARY.impl("recurrent_forward", _forward_form, "Meta")
_LIBRARY.impl("recurrent_backward", _backward_form, "Meta")


class RecurrentPass(Function):
    """One direction of one layer: (outputs [T, B, H], hidden [B, H], memory [B, H])."""

    @staticmethod
    def forward(
        ctx: Any,
        cell: str,
        reverse: bool,
        half: bool,
        input: Tensor,
        hidden: Tensor,
        memory: Tensor | None,
        *weights: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        given = torch.ops.ranvier.recurrent_forward(
            cell, input, *weights, hidden, memory, reverse, half
        )
        ctx.cell, ctx.reverse, ctx.half = cell, reverse, half
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*weights, memory, *given)
        outputs, last_hidden, last_memory, *_ = given
        return outputs, last_hidden, last_memory

    @staticmethod
    @once_differentiable  # type: ignore[misc]
    def backward(ctx: Any, outputs: Any, hidden: Any, memory: Any) -> tuple[Any, ...]:
        outputs_BTH = None if outputs is None else outputs.transpose(0, 1)
        gradients = Gradients(
            *torch.ops.ranvier.recurrent_backward(
                ctx.cell,
                *ctx.saved_tensors,
                outputs_BTH,
                hidden,
                memory,
                ctx.reverse,
                ctx.half,
                ctx.needs_input_grad[3],
            )
        )
        wanted = ctx.needs_input_grad
        input_BTC = gradients.input_TBC.transpose(0, 1) if wanted[3] else None
        memory_start = gradients.memory_BH if wanted[5] else None
        weights = [each if w else None for each, w in zip(gradients[1:5], wanted[6:], strict=True)]
        return None, None, None, input_BTC, gradients.hidden_BH, memory_start, *weights
