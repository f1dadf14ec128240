"""From one member's captured update to that of all members at once.

Every operation of the graph is put in the place of one that does the same for N members, on
tensors that hold them along a first axis: by a rule of `rules`, by torch's own (`torch.vmap`), or,
where neither is known, once for each member.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
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
    """A tensor of each member, one after another along the first axis."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor
        self._rows: tuple[Tensor, ...] | None = None

    @property
    def rows(self) -> tuple[Tensor, ...]:
        """One tensor for each member: views."""
        if self._rows is None:
            self._rows = self.tensor.unbind()
        return self._rows


@dataclass
class Call:
    """An operation on the values of its arguments; `names` are those of its schema."""

    operation: OpOverload
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    members: int
    is_exact: bool = False
    writes: bool = False
    _bound: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        """The argument of that name, or its default."""
        if not self._bound:
            for position, argument in enumerate(self.operation._schema.arguments):
                default = argument.default_value if argument.has_default_value() else None
                given = self.args[position] if position < len(self.args) else default
                self._bound[argument.name] = self.kwargs.get(argument.name, given)
        return self._bound[name]

    def leaves(self) -> list[Any]:
        return tree_flatten((self.args, self.kwargs))[0]

    @property
    def varies(self) -> bool:
        """Whether a plain number differs between the members."""
        return any(isinstance(leaf, PerMember) for leaf in self.leaves())


Rule = Callable[[Call], Any]
"""What gives a call's result for all members, or `NotImplemented` where it does not apply."""


def for_each_member(call: Call) -> Any:
    """The operation once for each member: whatever it is, with the bits it has alone."""
    results = []
    for k in range(call.members):

        def of_member(leaf: Any, k: int = k) -> Any:
            if isinstance(leaf, Stacked):
                return leaf.rows[k]
            return leaf.values[k] if isinstance(leaf, PerMember) else leaf

        args, kwargs = tree_map(of_member, (call.args, call.kwargs))
        results.append(call.operation(*args, **kwargs))
    target = _written_argument(call)
    if target is not None:
        return target
    flat = [tree_flatten(result)[0] for result in results]
    spec = tree_flatten(results[0])[1]
    together = [
        Stacked(torch.stack(of_members)) if isinstance(of_members[0], Tensor) else of_members[0]
        for of_members in zip(*flat, strict=True)
    ]
    return tree_unflatten(together, spec)


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
    leaves, spec = tree_flatten((call.args, call.kwargs))
    if call.varies:
        return NotImplemented
    axes = [0 if isinstance(leaf, Stacked) else None for leaf in leaves]
    stacked = [leaf.tensor for leaf in leaves if isinstance(leaf, Stacked)]
    holes: list[Any] = []

    def of_one(*tensors: Tensor) -> tuple[Tensor, ...]:
        rest = iter(tensors)
        values = [
            leaf if axis is None else next(rest) for leaf, axis in zip(leaves, axes, strict=True)
        ]
        args, kwargs = tree_unflatten(values, spec)
        flat, form = tree_flatten(call.operation(*args, **kwargs))
        holes[:] = [form, [isinstance(each, Tensor) for each in flat]]
        return tuple(each for each in flat if isinstance(each, Tensor))

    try:
        with _without_loops():
            results = iter(torch.vmap(of_one)(*stacked))
    except (RuntimeError, NotImplementedError, ValueError, TypeError):
        return NotImplemented
    form, is_tensor = holes
    return tree_unflatten([Stacked(next(results)) if t else None for t in is_tensor], form)


@contextmanager
def _without_loops() -> Iterator[None]:
    """Under it torch refuses what it has no rule for, where else it loops with a warning."""
    before = torch._C._functorch._is_vmap_fallback_enabled()
    torch._C._functorch._set_vmap_fallback_enabled(False)
    try:
        yield
    finally:
        torch._C._functorch._set_vmap_fallback_enabled(before)


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
            return Stacked(rows.tensor.clone()) if node in self._written else rows
        target = node.args[0]
        assert isinstance(target, fx.Node)
        if list(target.users) == [node] and target.op != "placeholder":
            return rows  # memory that nobody else knows: the draws themselves are as good
        values[target].tensor.copy_(rows.tensor)
        return values[target]

    def _called(self, node: fx.Node, values: dict[fx.Node, Any]) -> Any:
        called = operation(node)
        assert called is not None
        args, kwargs = tree_map(
            lambda leaf: values[leaf] if isinstance(leaf, fx.Node) else leaf,
            self.numbers.into(node),
        )
        call = Call(
            called, args, kwargs, self.members, self.is_exact, writes=node in self._written
        )
        if any(isinstance(leaf, Stacked | PerMember) for leaf in call.leaves()):
            result = self.rules(call)
        else:
            result = called(*args, **kwargs)
        if node in self._starts:
            result = tree_map(self._together, result)
        return result

    def _together(self, value: Any) -> Any:
        """A tensor of each member, also of what they shared so far."""
        if isinstance(value, Stacked) or not isinstance(value, Tensor):
            return value
        return Stacked(value.unsqueeze(0).expand(self.members, *value.shape).clone())

