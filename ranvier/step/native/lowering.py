"""From the captured graph to a program: one handler per operation, views resolved on the way."""

from __future__ import annotations

import ctypes
import operator
from collections.abc import Callable, Container, Sequence
from typing import Any

import torch
from torch import Tensor, fx

from ranvier.step.native.elements import TYPES
from ranvier.step.native.generator import Generator, bernoulli_method
from ranvier.step.native.program import Element, Instruction, Lowered, Operand, Word
from ranvier.step.native.sizes import Sizes
from ranvier.step.native.values import Buffer, View, memory_order, whole


class NativeUnsupported(Exception):
    """Something in an update that the native engine does not do; the words name it."""


# In less work another thread costs more than it gains: about 10 microseconds of one core.
WORTH_A_THREAD = 65_536

Handler = Callable[..., Any]
HANDLERS: dict[str, Handler] = {}
# Operations as functions of tensors in torch, where torch's own table does not say.
MADE_OF: dict[str, Handler] = {}


def lowers(*names: str) -> Callable[[Handler], Handler]:
    """Register a handler for operations by name, as `aten::mm` or `aten::sum.dim_IntList`.

    It gets the lowering and the operation's own arguments, tensors as views, and gives views.
    """

    def register(handler: Handler) -> Handler:
        for name in names:
            assert name not in HANDLERS, name
            HANDLERS[name] = handler
        return handler

    return register


class Lowering:
    """Walks a graph and writes down what to do; handlers call its methods."""

    def __init__(
        self,
        library: ctypes.CDLL,
        generator: Generator,
        *,
        draws: bool,
        threads: int,
        halved: Container[fx.Node] = (),
    ) -> None:
        self.sizes = Sizes(library)
        self.generator = generator
        self.bernoulli_method = bernoulli_method(library) if draws else None
        self.threads = threads
        self.program = Lowered()
        self.halved = halved
        # Of the operation that is being lowered: the form of what it gives, its name, and whether
        # what it multiplies is rounded to bfloat16.
        self.form: Any = None
        self.name = ""
        self.is_half = False

    # What handlers make.

    def new(
        self,
        shape: Sequence[int],
        dtype: torch.dtype = torch.float32,
        *,
        strides: Sequence[int] | None = None,
    ) -> View:
        """A temporary tensor, its places in a row unless `strides` lay them otherwise."""
        require_known(dtype)
        view = whole(Buffer(0, dtype), shape, strides)
        view.buffer.numel = max(1, view.numel)
        return view

    def constant(
        self, value: float, shape: Sequence[int] = (), dtype: torch.dtype = torch.float32
    ) -> View:
        """One number in every place, which is in no memory until an instruction needs it."""
        buffer = Buffer(1, dtype, constant=float(value))
        return View(buffer, tuple(shape), (0,) * len(shape))

    def stream(self, numel: int, dtype: torch.dtype) -> Buffer:
        """Memory that is handed in anew for every step."""
        require_known(dtype)
        buffer = Buffer(max(1, numel), dtype, stream=len(self.program.streams))
        self.program.streams.append(buffer)
        return buffer

    def emit(
        self,
        operation: str,
        arguments: Sequence[Word],
        *,
        reads: Sequence[View],
        writes: Sequence[View],
    ) -> None:
        """One operation of the library, with all that it reads and writes."""
        self.program.items.append(
            Instruction(operation, list(arguments), list(reads), list(writes))
        )

    def element(
        self,
        operation: str,
        *operands: Operand,
        dtype: torch.dtype | None = None,
        into: View | None = None,
    ) -> View:
        """One operation on each element of the operands, which are broadcast."""
        views = [operand for operand in operands if isinstance(operand, View)]
        for view in views:
            require_known(view.dtype)
        promoted = _promoted(operands)
        if into is None:
            shape = torch.broadcast_shapes(*(view.shape for view in views))
            into = self.new(shape, dtype or promoted, strides=_strides_like(views, tuple(shape)))
        is_wide = _is_wide(promoted) and (operation != "copy" or _is_wide(into.dtype))
        _require_writable(into)
        if _mixes(views, into):
            made = self.element(operation, *operands, into=self.new(into.shape, into.dtype))
            return self.element("copy", made, into=into)
        seen = tuple(_simple(operand) for operand in operands)
        if into.numel:
            self.program.items.append(Element(operation, into, seen, is_wide))
        return into

    def copied(self, view: View, dtype: torch.dtype | None = None) -> View:
        """The same numbers with their places in a row."""
        target = self.new(view.shape, dtype or view.dtype)
        return self.element("copy", view, into=target)

    def contiguous(self, view: View) -> View:
        """The view itself, or a copy, so that its places lie in a row in memory of its own."""
        is_there = view.is_contiguous and view.constant is None
        return view if is_there else self.copied(view)

    def assign(self, target: View, value: View) -> View:
        """Write a handler's result to where it belongs."""
        last = self.program.items[-1] if self.program.items else None
        if (
            isinstance(last, Element)
            and last.result is value
            and value.buffer.is_temporary
            and value.dtype == target.dtype
            and value.shape == target.shape
            and not _mixes(last.operands, target)
        ):
            _require_writable(target)
            last.result = target
            return target
        return self.element("copy", value, into=target)

    def threads_for(self, work: int) -> int:
        """How many threads are worth waking for so many operations on single elements."""
        return self.threads if work >= WORTH_A_THREAD else 1

    # The walk.

    def run_graph(self, graph: fx.Graph, owner: fx.GraphModule, inputs: Sequence[Any]) -> Any:
        """Lower all nodes of a graph whose placeholders stand for `inputs`."""
        values: dict[fx.Node, Any] = {}
        rest = iter(inputs)
        for node in graph.nodes:
            if node.op == "placeholder":
                values[node] = next(rest)
                continue
            if node.op == "get_attr":
                values[node] = self.fixed(getattr(owner, str(node.target)))
                continue
            arguments = fx.map_arg(node.args, lambda n: values[n])
            if node.op == "output":
                return arguments[0]
            if node.target is operator.getitem:
                values[node] = arguments[0][arguments[1]]
                continue
            if isinstance(node.target, type) and issubclass(node.target, tuple):
                values[node] = tuple(*arguments) if len(arguments) == 1 else arguments
                continue
            keywords = fx.map_arg(node.kwargs, lambda n: values[n])
            kept = self.is_half
            self.is_half = kept or node in self.halved
            values[node] = self.call(node.target, node.meta.get("val"), arguments, keywords)
            self.is_half = kept
        raise AssertionError("a graph without an output")

    def fixed(self, tensor: Tensor) -> View:
        """A tensor that belongs to the graph; one number is a constant, which nothing may write."""
        if tensor.numel() == 1:
            return self.constant(float(tensor.item()), tuple(tensor.shape), tensor.dtype)
        return self.held(tensor)

    def held(self, tensor: Tensor) -> View:
        """A tensor that lives outside the tape."""
        buffer = Buffer(tensor.numel(), tensor.dtype, tensor=tensor)
        return View(buffer, tuple(tensor.shape), tensor.stride())

    def call(self, target: Any, form: Any, arguments: Sequence[Any], keywords: Any) -> Any:
        """Lower one operation by its handler, or by what torch says that it is made of."""
        name = target.name() if isinstance(target, torch._ops.OpOverload) else str(target)
        handler = HANDLERS.get(name) or HANDLERS.get(name.partition(".")[0])
        if handler is not None:
            kept = self.form, self.name
            self.form, self.name = form, name
            try:
                return handler(self, *arguments, **keywords)
            finally:
                self.form, self.name = kept
        decomposition = MADE_OF.get(name.partition(".")[0]) or _decompositions().get(target)
        if decomposition is None:
            raise NativeUnsupported(f"the operation {name.removeprefix('aten::')}")
        return self._decomposed(decomposition, arguments, keywords)

    def _decomposed(self, decomposition: Handler, arguments: Sequence[Any], keywords: Any) -> Any:
        """Trace what the operation is made of on stand-ins for its tensors, and lower that."""
        views: list[View] = []

        def collect(argument: Any) -> Any:
            if isinstance(argument, View):
                views.append(argument)
            return argument

        torch.utils._pytree.tree_map(collect, (list(arguments), keywords))

        def run(*tensors: Tensor) -> Any:
            rest = iter(tensors)
            own, named = torch.utils._pytree.tree_map(
                lambda a: next(rest) if isinstance(a, View) else a, (list(arguments), keywords)
            )
            return decomposition(*own, **named)

        # Imported here, as in a capture: only who lowers waits for it.
        from torch.fx.experimental.proxy_tensor import make_fx

        traced = make_fx(run)(*(_fresh(view) for view in views))
        return self.run_graph(traced.graph, traced, views)


def _fresh(view: View) -> Tensor:
    return torch.empty_strided(view.shape, view.strides, dtype=view.dtype, device="meta")


_TABLE: dict[Any, Handler] = {}


def _decompositions() -> dict[Any, Handler]:
    if not _TABLE:
        from torch._decomp import core_aten_decompositions

        _TABLE.update(core_aten_decompositions())
    return _TABLE


def _promoted(operands: Sequence[Operand]) -> torch.dtype:
    """The type that torch computes in: tensors of no axes and numbers give way to tensors."""
    stand_ins: list[Any] = [
        torch.empty((1,) * min(1, len(o.shape)), dtype=o.dtype, device="meta")
        if isinstance(o, View)
        else o
        for o in operands
    ]
    result = stand_ins[0]
    if len(stand_ins) == 1:
        return result.dtype if isinstance(result, Tensor) else torch.float32
    dtype = torch.result_type(stand_ins[0], stand_ins[1])
    for other in stand_ins[2:]:
        dtype = torch.promote_types(dtype, torch.result_type(stand_ins[0], other))
    return dtype


def _mixes(operands: Sequence[Operand], target: View) -> bool:
    """Whether places of the target's buffer are read that may not be those which are written."""
    return any(isinstance(o, View) and o.buffer is target.buffer and o != target for o in operands)


def _require_writable(view: View) -> None:
    if view.buffer.is_frozen or view.constant is not None:
        raise NativeUnsupported("a write to what was taken for fixed")


def _is_wide(dtype: torch.dtype) -> bool:
    return dtype in (torch.float64, torch.int64)


def _simple(operand: Operand) -> Operand:
    if isinstance(operand, View):
        return operand if operand.constant is None else operand.constant
    return float(operand)


def _strides_like(views: Sequence[View], shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Strides in the order of the first operand that has all places, as torch has it."""
    leader = next(
        (v for v in views if v.shape == shape and v.is_dense and v.constant is None), None
    )
    if leader is None:
        return None
    strides = [0] * len(shape)
    step = 1
    for axis in reversed(memory_order(leader)):
        strides[axis] = step
        step *= max(shape[axis], 1)
    return tuple(strides)


def require_known(dtype: torch.dtype) -> None:
    """Refuse numbers that the library does not compute with.

    Raises:
        NativeUnsupported: for any other type.
    """
    if dtype not in TYPES:
        raise NativeUnsupported(f"numbers of type {str(dtype).removeprefix('torch.')}")
