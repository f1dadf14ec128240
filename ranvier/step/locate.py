"""Which operation gave the first number that is not finite: one update, watched call by call.

Far too slow for every step, and made for one: the step that is known to go wrong.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from ranvier.step.objective import Batch
from ranvier.step.program import Program
from ranvier.step.state import State

Phase = Literal["input", "forward", "loss", "backward", "update"]
FINITE, INFINITE, NAN = 0, 1, 2
MOST_ROWS, MOST_VALUES = 16, 4
LOSS, NETWORK = "loss", "the network"


@dataclass(frozen=True, kw_only=True)
class Located:
    """The operation that gave the first number that is not finite.

    `layer` is the path of its module, "loss", "the network" for what no module of it does, or the
    parameter that an update spoilt. `rows` are positions in the batch, none where it is not about
    single rows; `values` are what the operation was given where its first such number came out.
    """

    operation: str
    layer: str
    phase: Phase
    rows: tuple[int, ...] = ()
    values: tuple[float, ...] = ()
    is_fill: bool = False

    def to_json(self) -> dict[str, Any]:
        document = asdict(self)
        del document["is_fill"]
        return document


def locate(
    model: nn.Module, loss: Callable[..., Tensor], inputs: Tensor, targets: Tensor
) -> Located | None:
    """Where the loss of these rows, or its gradient, stops being finite; None where neither does.

    The model runs as it is, in its own mode, and keeps its weights; its `.grad` are left alone.
    """
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    given = _given({**parameters, **dict(model.named_buffers())}, Batch(inputs, targets))
    if given is not None:
        return given
    with torch.enable_grad(), _watching(model, len(inputs)) as watch:
        value = torch.as_tensor(loss(model(inputs), targets)).mean()
        gradients = torch.autograd.grad(value, list(parameters.values()), allow_unused=True)
    return watch.blame([value, *(each for each in gradients if each is not None)])


def locate_update(
    program: Program, state: State, batch: Batch, learning_rate: float
) -> Located | None:
    """The same of a whole update, which is made in `state`: whoever calls keeps a copy."""
    parameters = dict(zip(state.names, state.parameters, strict=True))
    given = _given({**parameters, **state.buffers}, batch)
    if given is not None:
        return given
    with _watching(program.module, len(batch.inputs)) as watch:
        scalars, gradients = program.update(program.module, state, batch, learning_rate)
    return watch.blame([scalars.loss, *gradients, scalars.gradient_norms, *state.parameters])


def _given(named: Mapping[str, Tensor], batch: Batch) -> Located | None:
    """What was not finite before anything was computed: weights, or rows that came in."""
    spoilt = next((name for name, tensor in named.items() if _kind(tensor)), None)
    if spoilt is not None:
        return Located(operation="weights", layer=spoilt, phase="input")
    for name, tensor in (("the inputs", batch.inputs), ("the targets", batch.targets)):
        if _kind(tensor):
            rows = _rows_of(~torch.isfinite(tensor), len(tensor))
            return Located(operation="values given", layer=name, phase="input", rows=rows)
    return None


@contextmanager
def _watching(module: nn.Module, rows: int) -> Iterator[_Watch]:
    """Inside, every operation is watched, and belongs to the module that calls it."""
    watch = _Watch(module, rows)
    handles = [
        handle for path, each in module.named_modules() for handle in watch.follow(path, each)
    ]
    try:
        with watch:
            yield watch
    finally:
        for handle in handles:
            handle.remove()


class _Watch(TorchDispatchMode):
    """Remembers of every piece of memory which operation first made it not finite."""

    def __init__(self, module: nn.Module, rows: int) -> None:
        super().__init__()
        self._rows = rows
        self._stack: list[str] = []
        self._has_gone_back = False
        self._origins: dict[int, Located] = {}
        self._names = {_place(p): name for name, p in module.named_parameters()}

    def blame(self, results: Sequence[Tensor]) -> Located | None:
        """Where the first of the results that is not finite comes from."""
        for result in results:
            if _kind(result):
                return self._origins.get(_place(result))
        return None

    def follow(self, path: str, module: nn.Module) -> list[Any]:
        """Hooks that keep the module on the stack and sign what it leaves for the way back."""

        def enter(_module: nn.Module, _inputs: Any) -> None:
            self._stack.append(path)

        def leave(_module: nn.Module, _inputs: Any, output: Any) -> None:
            self._stack.pop()
            _sign(_tensors(output), path)

        return [
            module.register_forward_pre_hook(enter),
            module.register_forward_hook(leave, always_call=True),
        ]

    def __torch_dispatch__(
        self,
        operation: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        written = list(_tensors(_written(operation, args, given)))
        inputs = list(_tensors((args, given)))
        kinds = [_kind(each) for each in inputs]
        # What an operation overwrites would be gone when it is asked for.
        seen = [each.clone() for each in inputs] if written else inputs
        result = operation(*args, **given)
        node = torch._C._current_autograd_node()
        self._has_gone_back |= node is not None
        for output in [*_tensors(result), *written]:
            kind = _kind(output)
            if kind:
                origin = self._inherited(kind, inputs, kinds)
                is_fill = any(not math.isfinite(each) for each in _scalars((args, given)))
                self._origins[_place(output)] = origin or self._new(
                    operation, node, output, seen, is_fill
                )
        return result

    def _inherited(self, kind: int, inputs: list[Tensor], kinds: list[int]) -> Located | None:
        """The origin of an input that explains an output of this kind, if one does."""
        for wanted in (kind, INFINITE, NAN):
            for each, own in zip(inputs, kinds, strict=True):
                origin = self._origins.get(_place(each)) if own == wanted else None
                # An infinity that was written on purpose, as in a mask, explains no NaN.
                if origin is not None and not (origin.is_fill and kind > own):
                    return origin
        return None

    def _new(
        self, operation: Any, node: Any, output: Tensor, inputs: list[Tensor], is_fill: bool
    ) -> Located:
        broken = ~torch.isfinite(output)
        layer, phase = self._whereabouts(node, output)
        return Located(
            operation=_name(operation) if node is None or self._stack else _backward_name(node),
            layer=layer,
            phase=phase,
            rows=_rows_of(broken, self._rows),
            values=_values_at(broken, inputs),
            is_fill=is_fill,
        )

    def _whereabouts(self, node: Any, output: Tensor) -> tuple[str, Phase]:
        if self._stack:
            return self._stack[-1] or NETWORK, "forward"
        if node is not None:
            path = _metadata(node).get(SIGNED)
            return LOSS if path is None else path or NETWORK, "backward"
        if self._has_gone_back:
            return self._names.get(_place(output), "the update"), "update"
        return LOSS, "loss"


SIGNED = "ranvier.path"


def _sign(outputs: Iterator[Tensor], path: str) -> None:
    """Write the path of a module on its nodes of the graph: on all that no inner one has signed."""
    waiting = [each.grad_fn for each in outputs if each.grad_fn is not None]
    while waiting:
        node = waiting.pop()
        if SIGNED not in _metadata(node):
            _metadata(node)[SIGNED] = path
            waiting += [before for before, _ in node.next_functions if before is not None]


def _metadata(node: Any) -> dict[str, Any]:
    """What may be written on a node of the graph; torch's own annotation takes it for a method."""
    metadata: dict[str, Any] = node.metadata
    return metadata


def _kind(tensor: Tensor) -> int:
    if not (tensor.is_floating_point() or tensor.is_complex()) or not tensor.numel():
        return FINITE
    if bool(torch.isfinite(tensor).all()):
        return FINITE
    return NAN if bool(torch.isnan(tensor).any()) else INFINITE


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        yield from _tensors(tuple(value.values()))
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _tensors(each)


def _scalars(value: Any) -> Iterator[float]:
    if isinstance(value, float):
        yield value
    elif isinstance(value, Mapping):
        yield from _scalars(tuple(value.values()))
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _scalars(each)


def _written(operation: Any, args: tuple[Any, ...], given: Mapping[str, Any]) -> list[Any]:
    """The arguments that an operation writes into."""
    schema = operation._schema.arguments
    return [
        args[place] if place < len(args) else given.get(argument.name)
        for place, argument in enumerate(schema)
        if argument.alias_info is not None and argument.alias_info.is_write
    ]


def _name(operation: Any) -> str:
    """`aten::log_` as people say it: log.

    >>> _name(torch.ops.aten._log_softmax.default), _name(torch.ops.aten.log_.default)
    ('log_softmax', 'log')
    """
    return str(operation._schema.name).rpartition("::")[2].strip("_")


def _backward_name(node: Any) -> str:
    """`SqrtBackward0` as people say it: sqrt_backward."""
    word = re.sub(r"Backward\d*$", "", node.name().rpartition("::")[2])
    return f"{re.sub(r'(?<=[a-z0-9])(?=[A-Z])', '_', word).lower()}_backward"


def _rows_of(broken: Tensor, rows: int) -> tuple[int, ...]:
    """Positions in the batch of what is broken, by the axis that is as long as the batch."""
    shape = broken.shape
    if not rows or not shape:
        return ()
    if rows not in shape[:2]:
        # Places of a row, or members of an ensemble, that lie along one axis with the rows.
        if shape[0] % rows or shape[0] < rows:
            return ()
        broken = broken.reshape(rows, -1)
        shape = broken.shape
    axis = 0 if shape[0] == rows else 1
    hit = broken.movedim(axis, 0).reshape(rows, -1).any(1).nonzero().flatten()
    return tuple(hit[:MOST_ROWS].tolist())


def _values_at(broken: Tensor, inputs: Sequence[Tensor]) -> tuple[float, ...]:
    """What the inputs hold where the first broken number came out, or else the largest of each."""
    first = int(broken.reshape(-1).to(torch.uint8).argmax())
    values = []
    for each in inputs:
        if not each.is_floating_point() or not each.numel():
            continue
        try:
            value = each.expand(broken.shape).reshape(-1)[first]
        except RuntimeError:
            value = each.abs().max()
        values.append(float(value))
    return tuple(values[:MOST_VALUES])
