"""The graph in TorchScript's interpreter, which calls a kernel in half a microsecond.

TorchScript is deprecated and stays unsupported from Python 3.14 on; nothing of its compiler is used
here, its graph is built node by node, and whoever calls has another way where it is absent. Its
optimiser is kept off: it takes a fused optimiser's call on a list made inside the graph for dead
code and drops it. What is left runs the nodes as they stand, bit for bit.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx

from ranvier.step.capture import CaptureError
from ranvier.step.passes.effects import operation

Function = Callable[..., tuple[Tensor, ...]]

# The numbers by which TorchScript knows them; there they are plain ints.
_MEMORY_FORMATS = {
    torch.contiguous_format: 0,
    torch.preserve_format: 1,
    torch.channels_last: 2,
    torch.channels_last_3d: 3,
}


def has_torchscript() -> bool:
    """Whether this Python has a TorchScript that torch supports."""
    return sys.version_info < (3, 14) and hasattr(torch._C, "_create_function_from_graph")


def torchscript_function(module: fx.GraphModule) -> Function:
    """A function of the module's placeholders that runs its graph by TorchScript's interpreter.

    Raises:
        CaptureError: for an argument that TorchScript has no value for.
    """
    lowered = _Lowering(module)
    function = torch._C._create_function_from_graph("update", lowered.graph)
    constants = lowered.constants

    def run(*tensors: Tensor) -> tuple[Tensor, ...]:
        with torch.no_grad(), torch.jit.optimized_execution(False):
            result: Any = function(*tensors, *constants)
        return tuple(result)

    return run


class _Lowering:
    """Builds TorchScript's graph from fx's, a node at a time."""

    def __init__(self, module: fx.GraphModule) -> None:
        self.module = module
        self.graph: Any = torch._C.Graph()
        self.constants: list[Tensor] = []
        self._values: dict[fx.Node, Any] = {}
        self._literals: dict[tuple[type, str], Any] = {}
        nodes = list(module.graph.nodes)
        # All inputs come first, the constants after those of the caller.
        for node in nodes:
            if node.op == "placeholder":
                self._values[node] = self.graph.addInput()
        for node in nodes:
            if node.op == "get_attr":
                self._values[node] = self.graph.addInput()
                self.constants.append(_attribute(module, str(node.target)))
        for node in nodes:
            if operation(node) is not None:
                self._call(node)
            elif node.op == "output":
                self._give(node)
        self.graph.lint()

    def _call(self, node: fx.Node) -> None:
        called = operation(node)
        assert called is not None
        schema = called._schema
        values = []
        for position, argument in enumerate(schema.arguments):
            if position < len(node.args):
                value = node.args[position]
            else:
                value = node.kwargs.get(argument.name, argument.default_value)
            values.append(self._value(value, argument.type))
        made = self.graph.create(schema.name, values, len(schema.returns))
        self.graph.insertNode(made)
        outputs = list(made.outputs())
        for output, given in zip(outputs, schema.returns, strict=True):
            output.setType(given.type)
        if len(outputs) == 1 and schema.returns[0].type.kind() == "ListType":
            self._unpack(node, outputs[0])
        elif len(outputs) == 1:
            self._values[node] = outputs[0]
        else:
            for user in node.users:
                self._values[user] = outputs[_place(user)]

    def _unpack(self, node: fx.Node, listed: Any) -> None:
        if not node.users:
            return
        made = self.graph.create("prim::ListUnpack", [listed], len(node.meta["val"]))
        self.graph.insertNode(made)
        outputs = list(made.outputs())
        for user in node.users:
            self._values[user] = outputs[_place(user)]

    def _value(self, value: Any, wanted: Any) -> Any:
        if isinstance(value, fx.Node):
            return self._values[value]
        if wanted.kind() == "OptionalType" and value is not None:
            wanted = wanted.getElementType()
        if isinstance(value, list | tuple):
            return self._list(value, wanted)
        if wanted.kind() == "FloatType" and isinstance(value, int):
            value = float(value)
        return self._literal(value)

    def _list(self, values: Any, wanted: Any) -> Any:
        element = wanted.getElementType()
        made = self.graph.create(
            "prim::ListConstruct", [self._value(v, element) for v in values], 1
        )
        self.graph.insertNode(made)
        made.outputsAt(0).setType(wanted)
        return made.outputsAt(0)

    def _literal(self, value: Any) -> Any:
        if isinstance(value, torch.memory_format):
            value = _MEMORY_FORMATS[value]
        key = (type(value), repr(value))
        if key not in self._literals:
            try:
                self._literals[key] = self.graph.insertConstant(value)
            except (RuntimeError, TypeError) as error:
                raise CaptureError(f"TorchScript has no value for {value!r}") from error
        return self._literals[key]

    def _give(self, node: fx.Node) -> None:
        given = node.args[0]
        assert isinstance(given, list | tuple)
        values = [self._values[each] for each in given if isinstance(each, fx.Node)]
        made = self.graph.create("prim::TupleConstruct", values, 1)
        self.graph.insertNode(made)
        made.outputsAt(0).setType(torch._C.TupleType([value.type() for value in values]))
        self.graph.registerOutput(made.outputsAt(0))


def _place(user: fx.Node) -> int:
    place = user.args[1]
    assert isinstance(place, int)
    return place


def _attribute(module: fx.GraphModule, path: str) -> Tensor:
    *parents, name = path.split(".")
    owner: Any = module
    for parent in parents:
        owner = getattr(owner, parent)
    found = getattr(owner, name)
    assert isinstance(found, Tensor)
    return found
