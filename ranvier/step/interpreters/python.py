"""The graph as a Python function that calls one kernel a line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx

Function = Callable[..., tuple[Tensor, ...]]


def python_function(module: fx.GraphModule) -> Function:
    """A function of the module's placeholders that runs its graph by the Python that fx makes."""
    forward = module.forward

    def run(*tensors: Tensor) -> tuple[Tensor, ...]:
        with torch.no_grad():
            result: Any = forward(*tensors)
        return tuple(result)

    return run
