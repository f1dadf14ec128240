"""From a description to modules: one builder for every layer, by name, pure in the seed."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from ranvier.core.errors import NetworkError
from ranvier.nn.graph import wired
from ranvier.nn.initializers import fill_
from ranvier.nn.modules import MODULES, Children
from ranvier.spec import Layer, Node, trace
from ranvier.spec.layer import Inputs, input_shapes


def build(network: Layer, input: Inputs, *, seed: int = 0) -> nn.Module:
    """The plain `nn.Module` that computes `network` on `[batch, *input]`.

    A network with several inputs takes a tensor for each, in order; several outputs come as a
    tuple. Names of modules and parameters follow the description's paths:
    `residual_2.dense_1.bias`. The weights are a function of the seed, the path and the shape alone,
    so a layer that is put in or taken out elsewhere leaves them as they are; the global random
    state is not touched.

    The module carries `.description` (what it was built from) and `.input_shapes`.

    Raises:
        ShapeError: for all layers that do not fit what they get, at once.
    """
    node = trace(network, *input_shapes(input, network.input_names()))
    # torch's constructors draw weights of their own, which ours replace.
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        module = _module(node, {})
    _initialise(module, node, seed)
    for inner in module.modules():
        # What starts from other weights, such as the length of one that is kept apart.
        if callable(settle := getattr(inner, "settle_", None)):
            settle()
    vars(module).update(description=network, input_shapes=node.inputs)
    return module


def _module(node: Node, built: dict[str, nn.Module]) -> nn.Module:
    """The module of a node; `built` holds those of the nodes before it, by path."""
    children: Children = OrderedDict((child.name, _module(child, built)) for child in node.children)
    if node.shares is not None:
        children["shared"] = built[node.shares]
    built[node.path] = _made(node, children)
    return built[node.path]


def _made(node: Node, children: Children) -> nn.Module:
    declared = node.layer.torch_module(*node.inputs)
    if declared is not None:
        return getattr(nn, declared.name)(**declared.arguments)
    maker = MODULES.get(node.layer.kind, wired)
    try:
        return maker(node, children)
    except KeyError as error:
        if "already exists" not in str(error):
            raise
        raise NetworkError(
            f"{node.path or 'network'}: torch keeps one of the names {', '.join(children)} for "
            "itself. Give that layer another name."
        ) from error


def _initialise(module: nn.Module, node: Node, seed: int) -> None:
    """Fill every parameter as its description says."""
    parameters = dict(module.named_parameters())
    for inner in node.walk():
        for name, described in inner.parameters.items():
            path = f"{inner.path}.{name}" if inner.path else name
            parameter = parameters.pop(path)
            assert tuple(parameter.shape) == described.shape, f"{path}: {tuple(parameter.shape)}"
            fill_(parameter, described, seed=seed, path=path)
    assert not parameters, f"not described: {', '.join(parameters)}"
