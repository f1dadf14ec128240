"""Other layers run over the places of a sequence.

B batch, T places.
"""

from __future__ import annotations

from torch import Tensor, nn

from ranvier.nn.graph import joining
from ranvier.nn.layers.over_time import Mask, Order, OverTime, State, step_by_step
from ranvier.nn.modules import MODULES, Children
from ranvier.nn.streaming import Streams
from ranvier.spec import Bidirectional as BidirectionalLayer
from ranvier.spec import Node
from ranvier.spec import Recurrent as RecurrentLayer


class TimeDistributed(Streams):
    """Calls the module inside once, with all places of all samples as one batch.

    Shapes: [B, T, …] -> [B, T, …].
    """

    takes_apart = True

    def __init__(self, node: Node, inside: nn.Module) -> None:
        super().__init__()
        self.layer = inside
        # The place comes first, then the signals from further out.
        self.outer = node.wires[0][1:]

    def forward(self, *signals: Tensor) -> Tensor | tuple[Tensor, ...]:
        rows, places = signals[0].shape[:2]
        outer = [signals[i].repeat_interleave(places, 0) for i in self.outer]
        result = self.layer(signals[0].flatten(0, 1), *outer)
        if isinstance(result, tuple):
            return tuple(each.unflatten(0, (rows, places)) for each in result)
        given: Tensor = result.unflatten(0, (rows, places))
        return given


class Recurrent(OverTime):
    """Calls the cell inside place after place with the state that it gave.

    Shapes: [B, T, …] -> [B, T, …] or [B, …], then the state.
    """

    layer: RecurrentLayer

    def __init__(self, node: Node, cell: nn.Module) -> None:
        super().__init__()
        assert isinstance(node.layer, RecurrentLayer)
        self.layer = node.layer
        self.cell = cell
        self.own = len(node.inputs)
        parts = 1 + len(self.layer.state_shapes(node.inputs[0]))
        self.outer = tuple(i - self.own for i in node.wires[0][parts:])

    def read(self, input: Tensor, mask: Mask, state: State, *outer: Tensor) -> tuple[Tensor, State]:
        taken = [outer[i] for i in self.outer]

        def step(now: Tensor, *state: Tensor) -> State:
            result = self.cell(now, *state, *taken)
            return result if isinstance(result, tuple) else (result,)

        order = mask.order(backwards=False)
        if order is None:
            return step_by_step(step, input, state)
        outputs, end = step_by_step(step, order.reading(input), state, order.read_BT)
        return order.placed(outputs), end


class Bidirectional(Streams):
    """Calls one module with the sequence and the other with the sequence reversed.

    Shapes: [B, T, C] -> [B, T, H] or [B, H].
    """

    looks_ahead = True
    forwards: nn.Module
    backwards: nn.Module

    def __init__(self, node: Node, children: Children) -> None:
        super().__init__()
        assert isinstance(node.layer, BidirectionalLayer)
        self.add_module("forwards", children["forwards"])
        self.add_module("backwards", children["backwards"])
        self.ahead, self.back = node.wires
        self.is_masked = node.layer.mask is not None
        self.keeps_places = len(node.children[1].output) > 1
        self.join = joining(node.layer.join)

    def forward(self, *signals: Tensor) -> Tensor:
        places = signals[0]
        ahead = self.forwards(*[signals[i] for i in self.ahead])
        order = Order(signals[1], backwards=True) if self.is_masked else None
        reversed_ = places.flip(1) if order is None else order.reading(places)
        pieces = [reversed_] if order is None else [reversed_, order.read_BT.to(signals[1].dtype)]
        # A number below nought stands for a piece: the sequence first, then the mask.
        further = (signals[i] if i >= 0 else pieces[-1] for i in self.back[1:])
        back = self.backwards(reversed_, *further)
        if self.keeps_places:
            back = back.flip(1) if order is None else order.placed(back)
        return self.join((ahead, back))


@MODULES.register("time_distributed")
def _time_distributed(node: Node, children: Children) -> nn.Module:
    return TimeDistributed(node, children["layer"])


@MODULES.register("recurrent")
def _recurrent(node: Node, children: Children) -> nn.Module:
    return Recurrent(node, children["cell"])


@MODULES.register("bidirectional")
def _bidirectional(node: Node, children: Children) -> nn.Module:
    return Bidirectional(node, children)
