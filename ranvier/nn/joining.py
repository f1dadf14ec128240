"""Modules made of modules: in a row, with a way around, side by side."""

from __future__ import annotations

import functools
import operator

import torch
from torch import Tensor, nn

from ranvier.nn.build import MODULES, Children
from ranvier.spec import Node, Parallel


class Residual(nn.Sequential):
    """x + F(x), F the modules inside, one after the other."""

    def forward(self, input: Tensor) -> Tensor:
        return input + super().forward(input)


class Branches(nn.Sequential):
    """Every module inside gets the same input; `join` makes one tensor of what they give."""

    def __init__(self, children: Children, join: str) -> None:
        super().__init__(children)
        self.join = join

    def forward(self, input: Tensor) -> Tensor:
        ends = [branch(input) for branch in self]
        if self.join == "concat":
            return torch.cat(ends, dim=-1)
        if self.join == "multiply":
            return functools.reduce(operator.mul, ends)
        total = functools.reduce(operator.add, ends)
        return total / len(ends) if self.join == "average" else total


@MODULES.register("network")
@MODULES.register("sequence")
@MODULES.register("repeat")
def _row(_: Node, children: Children) -> nn.Module:
    return nn.Sequential(children)


@MODULES.register("residual")
def _residual(_: Node, children: Children) -> nn.Module:
    return Residual(children)


@MODULES.register("parallel")
def _parallel(node: Node, children: Children) -> nn.Module:
    assert isinstance(node.layer, Parallel)
    return Branches(children, node.layer.join)
