"""How much an update computes: what rules go by where no clock may have a say."""

from __future__ import annotations

from torch import nn

from ranvier.step.state import State


def multiply_adds(module: nn.Module, state: State, rows: int) -> int:
    """Those of an update on so many rows, forward and backward.

    As the description of the network counts them; of a module that came without one, each weight
    once a row, which is too few for what is called at many places.
    """
    weights = sum(parameter.numel() for parameter in state.parameters)
    made_from = vars(module)
    if "description" not in made_from:
        return 3 * rows * weights
    shapes = list(made_from["input_shapes"])
    flops: int = made_from["description"].describe(input=shapes).flops
    return 3 * rows * max(weights, flops // 2)
