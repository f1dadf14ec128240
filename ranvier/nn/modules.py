"""Which module does the work of which kind of layer, where torch's own does not."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from torch import nn

from ranvier.core.registry import Registry
from ranvier.spec import Node

Children = OrderedDict[str, nn.Module]
Maker = Callable[[Node, Children], nn.Module]

MODULES: Registry[Maker] = Registry("module")
"""Makers by kind of layer: called with the layer in its place and the modules inside.

A layer that uses the weights of another finds that one's module among them, as `shared`. A kind
that is not here is wired of the layers inside, as its description lets the signals flow.
"""
