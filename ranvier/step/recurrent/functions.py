"""torch's functions of recurrent stacks, on the fused kernels where those can.

B rows, T places, C features, H units, P layers · directions.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ranvier.step.recurrent.kernels import kernels
from ranvier.step.recurrent.operators import RecurrentPass

Stack = Callable[..., tuple[Tensor, ...]]


def _fused(cell: str, default: Stack) -> Stack:
    """A function with the arguments and results of `default`, torch's for this cell."""

    def run(input: Tensor, *rest: Any) -> tuple[Tensor, ...]:
        if not _fits(input, *rest):
            return default(input, *rest)
        state, weights, has_biases, layers, dropout, training, both, batch_first = rest
        starts = list(state) if cell == "LSTM" else [state]
        per_pass = len(weights) // (layers * (2 if both else 1))
        if per_pass != (4 if has_biases else 2):
            return default(input, *rest)
        no_biases = () if has_biases else (None, None)
        passes = [
            (*weights[at : at + per_pass], *no_biases) for at in range(0, len(weights), per_pass)
        ]
        below = (input if batch_first else input.transpose(0, 1)).float()
        starts = [start.float() for start in starts]
        outputs, ends = _stack(cell, below, starts, passes, layers, dropout if training else 0.0)
        return outputs if batch_first else outputs.transpose(0, 1), *ends

    return run


def _stack(
    cell: str,
    below_BTC: Tensor,
    starts: Sequence[Tensor],
    passes: Sequence[tuple[Tensor | None, ...]],
    layers: int,
    dropout: float,
) -> tuple[Tensor, list[Tensor]]:
    """The outputs [B, T, H] of the last layer, and the parts of the state [P, B, H]."""
    directions = len(passes) // layers
    half = torch.is_autocast_enabled("cpu")
    ends: list[tuple[Tensor, ...]] = []
    for layer in range(layers):
        if layer and dropout:
            below_BTC = F.dropout(below_BTC, dropout)
        read = []
        for at in range(layer * directions, (layer + 1) * directions):
            hidden, *memory = (start[at] for start in starts)
            backwards = at % directions == 1
            outputs, *end = RecurrentPass.apply(
                cell, backwards, half, below_BTC, hidden, memory[0] if memory else None, *passes[at]
            )
            read.append(outputs)
            ends.append(tuple(end[: len(starts)]))
        below_BTC = (read[0] if directions == 1 else torch.cat(read, -1)).transpose(0, 1)
    return below_BTC, [torch.stack(parts) for parts in zip(*ends, strict=True)]


def _fits(input: Tensor, *rest: Any) -> bool:
    """Whether the kernels can: float32 on a processor, and no packed sequence."""
    if isinstance(kernels(), str) or len(rest) != 8 or isinstance(rest[0], bool):
        return False
    state, weights, *_ = rest
    if not isinstance(weights, list | tuple):
        return False
    moving = [input, *(state if isinstance(state, list | tuple) else [state])]
    known = (
        (torch.float32, torch.bfloat16) if torch.is_autocast_enabled("cpu") else (torch.float32,)
    )
    return all(t.device.type == "cpu" for t in (*moving, *weights)) and (
        all(t.dtype in known for t in moving) and all(t.dtype == torch.float32 for t in weights)
    )


FUSED: Mapping[Callable[..., Any], Stack] = {
    function: _fused(cell, function)  # type: ignore[arg-type]
    for cell, function in (
        ("LSTM", torch.lstm),
        ("GRU", torch.gru),
        ("RNN_TANH", torch.rnn_tanh),
        ("RNN_RELU", torch.rnn_relu),
    )
}
"""What stands in for torch's functions: equal within rounding, not bit for bit.

What these kernels cannot do, torch's do: other devices and dtypes, projections, packed sequences,
and everything on a machine without the native library. Under automatic mixed precision their
products are in bfloat16 where the processor multiplies it, and all else in float32.
"""


def has_fused_kernels() -> bool:
    """Whether this machine has the library they are in."""
    return isinstance(kernels(), ctypes.CDLL)
