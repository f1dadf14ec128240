"""From one member's captured update to that of all members at once.

Every operation of the graph is put in the place of one that does the same for N members, on
tensors that hold them along a first axis: by a rule of `rules`, by torch's own (`torch.vmap`), or,
where neither is known, once for each member.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, fx
from torch._ops import OpOverload
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from ranvier.step.capture import CaptureError
from ranvier.step.passes.effects import Memory, operation, written
from ranvier.step.population.draws import Draw
from ranvier.step.population.listening import Numbers, PerMember

_aten = torch.ops.aten


class Stacked:
    """A tensor of each member: along the first axis of one, or apart until that is asked for."""

    def __init__(self, tensor: Tensor | None, rows: tuple[Tensor, ...] | None = None) -> None:
        self._tensor = tensor
        self._rows = rows

    @property
    def tensor(self) -> Tensor:
        """All as one, `[N, …]`."""
        if self._tensor is None:
            assert self._rows is not None
            self._tensor, self._rows = torch.stack(self._rows), None
        return self._tensor

    @property
    def rows(self) -> tuple[Tensor, ...]:
        """One tensor for each member."""
        if self._rows is None:
            self._rows = self.tensor.unbind()
        return self._rows


@dataclass(frozen=True)
class Call:
    """An operation on its arguments, in the order of its schema.

    An argument is `Stacked`, a tensor that members share, a number, `PerMember`, or a list of such.
    """

    operation: OpOverload
    arguments: list[Any]
    members: int
    is_exact: bool = False
    is_written: bool = False

    def __getitem__(self, name: str) -> Any:
        """The argument of that name."""
        return self.named[name]

    @cached_property
    def named(self) -> dict[str, Any]:
        names = [argument.name for argument in self.operation._schema.arguments]
        return dict(zip(names, self.arguments, strict=True))

    @cached_property
    def leaves(self) -> list[Any]:
        return tree_flatten(self.arguments)[0]

    @property
    def varies(self) -> bool:
        """Whether a plain number differs between the members."""
        return any(isinstance(leaf, PerMember) for leaf in self.leaves)

    def on(self, arguments: list[Any]) -> Any:
        """What the operation gives for plain arguments."""
        schema = self.operation._schema.arguments
        split = sum(not argument.kwarg_only for argument in schema)
        by_name = {a.name: v for a, v in zip(schema[split:], arguments[split:], strict=True)}
        return self.operation(*arguments[:split], **by_name)


Rule = Callable[[Call], Any]
"""What gives a call's result for all members, or `NotImplemented` where it does not apply."""


def for_each_member(call: Call) -> Any:
    """The operation once for each member: whatever it is, with the bits it has alone.

    Raises:
        CaptureError: for a view that something writes through, as what is stacked anew is none.
    """
    if call.is_written and not call.is_exact and _is_view(call.operation):
        raise CaptureError(f"{call.operation} gives memory that is written to")
    results = []
    for k in range(call.members):

        def of_member(leaf: Any, k: int = k) -> Any:
            if isinstance(leaf, Stacked):
                return leaf.rows[k]
            return leaf.values[k] if isinstance(leaf, PerMember) else leaf

        results.append(call.on(tree_map(of_member, call.arguments)))
    target = _written_argument(call)
    if target is not None:
        return target
    flat = [tree_flatten(result)[0] for result in results]
    spec = tree_flatten(results[0])[1]
    together = [
        Stacked(None, rows) if isinstance(rows[0], Tensor) else rows[0]
        for rows in zip(*flat, strict=True)
    ]
    return tree_unflatten(together, spec)


def _is_view(called: OpOverload) -> bool:
    """Whether what it gives is memory that it was given."""
    arguments = called._schema.arguments
    return any(a.alias_info is not None and not a.alias_info.is_write for a in arguments)


def _written_argument(call: Call) -> Any:
    """What an operation in place gives back, or None."""
    schema = call.operation._schema
    if not schema.returns:
        return ()
    given = schema.returns[0].alias_info
    if given is None or not given.is_write:
        return None
    for argument in schema.arguments:
        if argument.alias_info is not None and argument.alias_info.is_write:
            return call[argument.name]
    return None


def by_torch(call: Call) -> Any:
    """torch's own rule for the operation, if it has one and no plain number differs."""
    leaves, spec = tree_flatten(call.arguments)
    if call.varies:
        return NotImplemented
    if _is_direct(call):
        return Stacked(call.on([a.tensor if isinstance(a, Stacked) else a for a in call.arguments]))
    axes = [0 if isinstance(leaf, Stacked) else None for leaf in leaves]
    stacked = [leaf.tensor for leaf in leaves if isinstance(leaf, Stacked)]
    holes: list[Any] = []

    def of_one(*tensors: Tensor) -> tuple[Tensor, ...]:
        rest = iter(tensors)
        values = [
            leaf if axis is None else next(rest) for leaf, axis in zip(leaves, axes, strict=True)
        ]
        flat, form = tree_flatten(call.on(tree_unflatten(values, spec)))
        holes[:] = [form, [isinstance(each, Tensor) for each in flat]]
        return tuple(each for each in flat if isinstance(each, Tensor))

    try:
        with _without_loops():
            results = iter(torch.vmap(of_one)(*stacked))
    except (RuntimeError, NotImplementedError, ValueError, TypeError):
        return NotImplemented
    form, is_tensor = holes
    return tree_unflatten([Stacked(next(results)) if t else None for t in is_tensor], form)


def _is_direct(call: Call) -> bool:
    """Whether it takes number by number what all members have in the same shape."""
    is_shared = any(isinstance(leaf, Tensor) for leaf in call.leaves)
    axes = {leaf.tensor.ndim for leaf in call.leaves if isinstance(leaf, Stacked)}
    return torch.Tag.pointwise in call.operation.tags and not is_shared and len(axes) == 1


@contextmanager
def _without_loops() -> Iterator[None]:
    """Under it torch refuses what it has no rule for, where else it loops with a warning."""
    torch_own: Any = torch._C._functorch
    before = torch_own._is_vmap_fallback_enabled()
    torch_own._set_vmap_fallback_enabled(False)
    try:
        yield
    finally:
        torch_own._set_vmap_fallback_enabled(before)


class Stacking:
    """Runs one member's graph on the tensors of all, as `rules` say."""

    def __init__(
        self,
        graph: fx.Graph,
        numbers: Numbers,
        draws: Sequence[Draw],
        rules: Callable[[Call], Any],
        members: int,
        *,
        is_exact: bool,
    ) -> None:
        self.graph = graph
        self.numbers = numbers
        self.draws = {draw.node: place for place, draw in enumerate(draws)}
        self.rules = rules
        self.members = members
        self.is_exact = is_exact
        memory = Memory(graph)
        roots = {memory.root(w) for node in graph.nodes for w in written(node)}
        self._written = {node for node in graph.nodes if memory.root(node) in roots}
        self._starts = {node for node in roots if node.op != "placeholder"}

    def __call__(self, inputs: Sequence[Any], drawn: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The results of all members; inputs are `Stacked`, or tensors that members share."""
        values: dict[fx.Node, Any] = {}
        rest = iter(inputs)
        for node in self.graph.nodes:
            if node.op == "placeholder":
                values[node] = next(rest)
            elif node.op == "get_attr":
                values[node] = self._constant(node)
            elif node in self.draws:
                values[node] = self._drawn(node, Stacked(drawn[self.draws[node]]), values)
            elif operation(node) is not None:
                values[node] = self._called(node, values)
            elif node.op == "call_function":
                source, place = node.args
                values[node] = values[source][place]  # type: ignore[index]
            else:
                given = tree_map(lambda leaf: values.get(leaf, leaf), list(node.args[0]))
                return tuple(self._together(each).tensor for each in given)
        raise AssertionError("a graph without an output")

    def _constant(self, node: fx.Node) -> Any:
        name = str(node.target)
        if node in self._written:
            raise CaptureError(f"a constant, {name}, is written to")
        if name in self.numbers.constants:
            return Stacked(self.numbers.constants[name])
        module = self.graph.owning_module
        assert module is not None
        return getattr(module, name)

    def _drawn(self, node: fx.Node, rows: Stacked, values: dict[fx.Node, Any]) -> Any:
        called = operation(node)
        assert called is not None
        if not called._schema.is_mutable:
            if node not in self._written:
                return rows
            return Stacked(None, tuple(row.clone() for row in rows.rows))
        target = node.args[0]
        assert isinstance(target, fx.Node)
        if list(target.users) == [node] and target.op != "placeholder":
            return rows  # memory that nobody else knows: the draws themselves are as good
        for row, drawn in zip(values[target].rows, rows.rows, strict=True):
            row.copy_(drawn)
        return values[target]

    def _called(self, node: fx.Node, values: dict[fx.Node, Any]) -> Any:
        called = operation(node)
        assert called is not None
        arguments = tree_map(
            lambda leaf: values[leaf] if isinstance(leaf, fx.Node) else leaf,
            self.numbers.into(node),
        )
        call = Call(called, arguments, self.members, self.is_exact, node in self._written)
        if any(isinstance(leaf, Stacked | PerMember) for leaf in call.leaves):
            result = self.rules(call)
        else:
            result = call.on(arguments)
        if node in self._starts:
            result = tree_map(self._together, result)
        return result

    def _together(self, value: Any) -> Any:
        """A tensor of each member, also of what they shared so far."""
        if isinstance(value, Stacked) or not isinstance(value, Tensor):
            return value
        if self.is_exact:
            return Stacked(None, tuple(value.clone() for _ in range(self.members)))
        return Stacked(value.unsqueeze(0).expand(self.members, *value.shape).clone())
