"""Relu taken into the kernel whose result it bends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ranvier.step.native.elements import step_of
from ranvier.step.native.operations.products import BIAS, BIAS_RELU
from ranvier.step.native.program import Element, Instruction, Item
from ranvier.step.native.values import Buffer, View, whole

# Where among an instruction's arguments stand its result and what follows the product.
_PLACES = {"product": (11, 14), "convolution": (24, 23)}


def with_relu_inside(items: Sequence[Item]) -> list[Item]:
    """The items, each relu of a product or a convolution done as its result is written.

    Only where nothing else looks at what was there before relu.
    """
    users: Counter[Buffer] = Counter()
    for item in items:
        users.update(item.read_buffers | item.written_buffers)
    makers: dict[Buffer, Instruction] = {}
    kept: list[Item] = []
    for item in items:
        if isinstance(item, Instruction):
            if item.operation in _PLACES and item.arguments[_PLACES[item.operation][1]] == BIAS:
                result = item.arguments[_PLACES[item.operation][0]]
                assert isinstance(result, View)
                makers[result.buffer] = item
        elif _bends_all(item) and users[_operand(item).buffer] == 2:
            maker = makers.get(_operand(item).buffer)
            if maker is not None and item.result.buffer.is_temporary:
                _take_in(maker, item)
                continue
        kept.append(item)
    return kept


def _operand(item: Element) -> View:
    operand = item.operands[0]
    assert isinstance(operand, View)
    return operand


def _bends_all(item: Element) -> bool:
    """Whether it is the relu of a whole buffer into a whole buffer, places in the same order."""
    if item.operation != "relu" or not isinstance(item.operands[0], View):
        return False
    numel = item.result.numel
    return (
        step_of(item).is_flat
        and numel > 1
        and _operand(item).buffer.numel == item.result.buffer.numel == numel
        and _operand(item).dtype == item.result.dtype
    )


def _take_in(maker: Instruction, relu: Element) -> None:
    result, follows = _PLACES[maker.operation]
    before = maker.arguments[result]
    after = whole(relu.result.buffer, (relu.result.numel,))
    maker.arguments[result], maker.arguments[follows] = after, BIAS_RELU
    maker.writes = [after if view is before else view for view in maker.writes]
