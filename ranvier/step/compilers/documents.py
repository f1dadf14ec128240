"""A flat graph as plain data and back, so that another process can compile it."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import Tensor, fx
from torch._subclasses.fake_tensor import FakeTensorMode

from ranvier.step.capture import CaptureError
from ranvier.step.passes.effects import operation

Document = dict[str, Any]

# A constant with more numbers than this is no small thing to write down.
LARGEST_CONSTANT = 2**16
_TORCHS = {torch.dtype: "dtype", torch.layout: "layout", torch.memory_format: "memory_format"}


def document_of(module: fx.GraphModule) -> Document:
    """The graph as what JSON can say: forms of what comes, constants, operations by name.

    Raises:
        CaptureError: for something in it that cannot be said so.
    """
    nodes = list(module.graph.nodes)
    return {
        "inputs": [
            {"name": node.name, **_form(node.meta["val"])}
            for node in nodes
            if node.op == "placeholder"
        ],
        "constants": {
            str(node.target): _constant(module, str(node.target))
            for node in nodes
            if node.op == "get_attr"
        },
        "nodes": [_step(node) for node in nodes if node.op not in ("placeholder", "output")],
        "outputs": _written(module.graph.output_node().args[0]),
    }


def module_from(document: Document) -> fx.GraphModule:
    """The graph of a document, with its inputs' forms."""
    root = torch.nn.Module()
    for name, constant in document["constants"].items():
        dtype = getattr(torch, constant["dtype"])
        root.register_buffer(name, torch.tensor(constant["values"], dtype=dtype), persistent=False)
    graph = fx.Graph()
    known: dict[str, fx.Node] = {}
    with FakeTensorMode():
        for given in document["inputs"]:
            node = known[given["name"]] = graph.placeholder(given["name"])
            node.meta["val"] = torch.empty_strided(
                given["shape"],
                given["stride"],
                dtype=getattr(torch, given["dtype"]),
                device=given["device"],
            )
    for step in document["nodes"]:
        if step["is_constant"]:
            node = graph.get_attr(step["operation"])
        else:
            node = graph.call_function(
                _operation(step["operation"]),
                tuple(_read(step["args"], known)),
                _read(step["kwargs"], known),
            )
        known[step["name"]] = node
    graph.output(tuple(_read(document["outputs"], known)))
    return fx.GraphModule(root, graph)


def _form(value: Tensor) -> Document:
    return {
        "shape": list(value.shape),
        "stride": list(value.stride()),
        "dtype": _name(value.dtype),
        "device": str(value.device),
    }


def _constant(module: fx.GraphModule, name: str) -> Document:
    value = operator.attrgetter(name)(module)
    if not isinstance(value, Tensor) or value.numel() > LARGEST_CONSTANT or not value.is_cpu:
        raise CaptureError(f"the constant {name} is too large to be written down")
    return {"dtype": _name(value.dtype), "values": value.tolist()}


def _step(node: fx.Node) -> Document:
    called = operation(node)
    if called is not None and called.namespace in ("aten", "prims"):
        name = f"{called.namespace}.{called._schema.name.partition('::')[2]}.{called._overloadname}"
    elif node.op == "get_attr":
        name = str(node.target)
    elif node.target is operator.getitem:
        name = "getitem"
    else:
        raise CaptureError(f"{node.target} is no operation of PyTorch itself")
    return {
        "name": node.name,
        "operation": name,
        "is_constant": node.op == "get_attr",
        "args": _written(node.args),
        "kwargs": _written(node.kwargs),
    }


def _operation(name: str) -> Any:
    if name == "getitem":
        return operator.getitem
    return operator.attrgetter(name)(torch.ops)


def _written(value: Any) -> Any:
    """An argument; what JSON has no word for is a mapping of one entry that says what it is."""
    if isinstance(value, fx.Node):
        return {"node": value.name}
    if isinstance(value, list | tuple):
        return [_written(each) for each in value]
    if isinstance(value, dict):
        return {name: _written(each) for name, each in value.items()}
    if type(value) in _TORCHS:
        return {_TORCHS[type(value)]: _name(value)}
    if isinstance(value, torch.device):
        return {"device": str(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise CaptureError(f"{value!r} cannot be written down")


def _read(value: Any, known: dict[str, fx.Node]) -> Any:
    if isinstance(value, list):
        return [_read(each, known) for each in value]
    if isinstance(value, dict):
        if len(value) == 1:
            ((what, name),) = value.items()
            if what == "node":
                return known[name]
            if what in _TORCHS.values() and isinstance(name, str):
                return getattr(torch, name)
            if what == "device" and isinstance(name, str):
                return torch.device(name)
        return {name: _read(each, known) for name, each in value.items()}
    return value


def _name(value: object) -> str:
    return str(value).removeprefix("torch.")
