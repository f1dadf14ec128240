"""From the captured graph to a program: one handler per operation, views resolved on the way."""

from __future__ import annotations

import ctypes
import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, fx
from torch._decomp import core_aten_decompositions
from torch.fx.experimental.proxy_tensor import make_fx

from ranvier.step.capture import Captured
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
        self, library: ctypes.CDLL, generator: Generator, *, draws: bool, threads: int
    ) -> None:
        self.sizes = Sizes(library)
        self.generator = generator
        self.bernoulli_method = bernoulli_method(library) if draws else None
        self.threads = threads
        self.program = Lowered()
        # The form of what the node that is being lowered gives.
        self.form: Any = None

    # What handlers make.

    def new(
        self,
        shape: Sequence[int],
        dtype: torch.dtype = torch.float32,
        *,
        strides: Sequence[int] | None = None,
    ) -> View:
        """A temporary tensor, its places in a row unless `strides` lay them otherwise."""
        _require_known(dtype)
        view = whole(Buffer(0, dtype), shape, strides)
        view.buffer.numel = max(1, view.numel)
        return view

    def constant(
        self, value: float, shape: Sequence[int] = (), dtype: torch.dtype = torch.float32
    ) -> View:
        buffer = Buffer(1, dtype, constant=float(value))
        return View(buffer, tuple(shape), (0,) * len(shape))

    def stream(self, numel: int, dtype: torch.dtype) -> Buffer:
        """Memory that is handed in anew for every step."""
        _require_known(dtype)
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
            _require_known(view.dtype)
        promoted = _promoted(operands)
        if into is None:
            shape = torch.broadcast_shapes(*(view.shape for view in views))
            into = self.new(shape, dtype or promoted, strides=_strides_like(views, tuple(shape)))
        is_wide = _is_wide(promoted) and (operation != "copy" or _is_wide(into.dtype))
        _require_writable(into)
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
        ):
            _require_writable(target)
            last.result = target
            return target
        return self.element("copy", value, into=target)

    def scalar_of(self, value: Operand, dtype: torch.dtype = torch.float32) -> View:
        """A tensor of no axes for a number."""
        return value if isinstance(value, View) else self.constant(float(value), (), dtype)

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
            values[node] = self.call(node.target, node.meta.get("val"), arguments, keywords)
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
            self.form, kept = form, self.form
            try:
                return handler(self, *arguments, **keywords)
            finally:
                self.form = kept
        decomposition = _decompositions().get(target)
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

        traced = make_fx(run)(*(_fresh(view) for view in views))
        return self.run_graph(traced.graph, traced, views)


def _fresh(view: View) -> Tensor:
    return torch.empty_strided(view.shape, view.strides, dtype=view.dtype, device="meta")


_TABLE: dict[Any, Handler] = {}


def _decompositions() -> dict[Any, Handler]:
    if not _TABLE:
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


def lowered(
    library: ctypes.CDLL,
    generator: Generator,
    captured: Captured,
    tensors: dict[str, Tensor],
    *,
    threads: int = 1,
) -> Lowered:
    """The captured update as a program on these tensors of the state.

    Raises:
        NativeUnsupported: an operation or a type that the engine does not have.
    """
    walk = Lowering(library, generator, draws=True, threads=threads)
    program = _walked(walk, captured, tensors)
    if program.draws and program.draws_itself:
        # Two that draw by turns would leave eager's order.
        walk = Lowering(library, generator, draws=False, threads=threads)
        program = _walked(walk, captured, tensors)
    return program


def _walked(walk: Lowering, captured: Captured, tensors: dict[str, Tensor]) -> Lowered:
    from ranvier.step.native import operations  # noqa: F401  # fills HANDLERS

    placeholders = [n for n in captured.module.graph.nodes if n.op == "placeholder"]
    state = [walk.held(tensors[name]) for name in captured.names]
    _require_own_memory(state)
    forms = [node.meta["val"] for node in placeholders[len(state) :]]
    data = [whole(walk.stream(form.numel(), form.dtype), form.shape) for form in forms]
    loss, norms, *gradients = walk.run_graph(captured.module.graph, captured.module, state + data)
    program = walk.program
    program.gradients = [_kept(walk, gradient) for gradient in gradients]
    for result in (loss, norms):
        target = whole(walk.stream(result.numel, torch.float32), result.shape)
        walk.element("copy", result, into=target)
    return program


def _require_own_memory(views: Sequence[View]) -> None:
    """Each tensor of the state in memory of its own, as instructions are ordered by memory."""
    seen: set[int] = set()
    for view in views:
        _require_known(view.dtype)
        assert view.buffer.tensor is not None
        storage = view.buffer.tensor.untyped_storage().data_ptr()
        if view.numel and storage in seen:
            raise NativeUnsupported("two tensors of the state in the same memory")
        seen.add(storage)


def _kept(walk: Lowering, view: View) -> View:
    if view.constant is not None:
        view = walk.copied(view)
    view.buffer.kept = True
    return view


def _require_known(dtype: torch.dtype) -> None:
    if dtype not in TYPES:
        raise NativeUnsupported(f"numbers of type {str(dtype).removeprefix('torch.')}")
