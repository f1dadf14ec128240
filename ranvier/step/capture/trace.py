"""From an update, as Python runs it, to the flat graph of what it computes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, fx
from torch.func import functional_call

from ranvier.step.capture.guard import Buffers, CaptureError, only_tensor_operations, refuse_hooks
from ranvier.step.capture.length import Counted
from ranvier.step.capture.workspaces import with_saved_workspaces
from ranvier.step.objective import Batch
from ranvier.step.program import Program
from ranvier.step.state import State


@dataclass(frozen=True)
class Captured:
    """One update as a graph of aten operations, its backward pass and optimiser included.

    The placeholders of `module` are the state's tensors by `names`, then inputs, targets, weights
    where there are some, and the learning rate, float64 `[]`. The graph writes the next state into
    them and gives the loss `[]`, the gradient norms `[P]`, and P gradients. Every node says in
    `meta["val"]` what form its value has.
    """

    module: fx.GraphModule
    names: tuple[str, ...]
    has_weights: bool

    def with_graph(self, graph: fx.Graph) -> Captured:
        """The same placeholders and constants under another graph."""
        return replace(self, module=fx.GraphModule(self.module, graph))

    def without_gradients(self) -> Captured:
        """The same update that gives the loss and the norms only."""
        graph = fx.Graph()
        outputs = graph.graph_copy(self.module.graph, {})
        assert isinstance(outputs, tuple)
        graph.output(outputs[:2])
        return self.with_graph(graph)


def capture(program: Program, state: State, batch: Batch) -> Captured:
    """Trace one update of `program` on tensors of the forms of `state` and `batch`.

    No kernel runs and no memory is taken for values: the tensors are stood in for by their forms.

    Raises:
        CaptureError: if the update is more than a fixed list of tensor operations.
    """
    _refuse_what_looks_at_values(program)
    refuse_hooks(program.module)
    named = state.named()
    # A program of its own, as what it remembers from a first call would be made of stand-ins.
    own = replace(program)
    watched = Buffers(own.module)

    def update(*tensors: Tensor) -> tuple[Tensor, ...]:
        over = state.over(dict(zip(named, tensors, strict=False)))
        *data, learning_rate = tensors[len(named) :]
        values = {**dict(zip(state.names, over.parameters, strict=True)), **over.buffers}
        values |= over.frozen
        into = {f"module.{name}": value for name, value in values.items()}

        def forward(rows: Tensor) -> Tensor:
            result: Tensor = functional_call(watched, into, (rows,))
            return result

        with Counted():
            scalars, gradients = own.update(forward, over, Batch(*data), learning_rate)
        return (scalars.loss, scalars.gradient_norms, *gradients)

    learning_rate = torch.zeros((), dtype=torch.float64, device=state.device)
    examples = [*named.values(), *(t for t in batch if t is not None), learning_rate]
    with only_tensor_operations(own.module):
        graph = _traced(update, examples)
    with_saved_workspaces(graph.graph)
    graph.recompile()
    return Captured(graph, tuple(named), batch.weights is not None)


def _traced(update: Callable[..., tuple[Tensor, ...]], examples: list[Tensor]) -> fx.GraphModule:
    """The function as a graph, traced on stand-ins for the examples."""
    # Imported here, as it takes half a second that nobody waits for who captures nothing.
    from torch._subclasses.fake_tensor import (
        DataDependentOutputException,
        UnsupportedFakeTensorException,
    )
    from torch.fx.experimental.proxy_tensor import make_fx
    from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode

    tracer = make_fx(update, tracing_mode="fake", _allow_non_fake_inputs=True)
    try:
        graph: fx.GraphModule = tracer(*examples)
    except CaptureError:
        raise
    except (DataDependentOutputException, GuardOnDataDependentSymNode) as error:
        raise CaptureError(f"what runs next depends on values: {_first_line(error)}") from error
    except (UnsupportedFakeTensorException, RuntimeError, NotImplementedError, TypeError) as error:
        raise CaptureError(_first_line(error)) from error
    return graph


def _refuse_what_looks_at_values(program: Program) -> None:
    for member in (program.optimizer, program.loss):
        if not member.capturable:
            raise CaptureError(f"{member.kind} looks at values to decide what runs next")


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200]
