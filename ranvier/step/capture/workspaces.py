"""oneDNN's LSTM as a captured update can call it.

Whether the kernel keeps for the way back what only it can read, its workspace, it decides by
whether gradients are being recorded: not by its arguments. A replay records none.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx

_PLAIN = torch.ops.aten.mkldnn_rnn_layer.default

_LIBRARY = torch.library.Library("ranvier", "FRAGMENT")
_LIBRARY.define(str(_PLAIN._schema).replace("aten::mkldnn_rnn_layer", "lstm_with_workspace"))


def _forward(*args: Any) -> tuple[Tensor, ...]:
    """As autograd calls the kernel: gradients are on, and nobody records."""
    with torch.enable_grad(), torch._C._AutoDispatchBelowAutograd():
        result: tuple[Tensor, ...] = _PLAIN(*args)
    return result


def _form(*args: Any) -> tuple[Tensor, ...]:
    result: tuple[Tensor, ...] = _PLAIN(*args)
    return result


_LIBRARY.impl("lstm_with_workspace", _forward, "CPU")
_LIBRARY.impl("lstm_with_workspace", _form, "Meta")


def with_saved_workspaces(graph: fx.Graph) -> None:
    """Let every LSTM of the graph keep its workspace: the same bits, under any gradient mode."""
    for node in graph.nodes:
        if node.op == "call_function" and node.target is _PLAIN:
            node.target = torch.ops.ranvier.lstm_with_workspace.default
