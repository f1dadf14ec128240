"""How single operations run for all members at once, where torch's own rule is slow or missing.

N members, B rows, C classes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload

from ranvier.step.population.listening import PerMember
from ranvier.step.population.lists import for_each_tensor
from ranvier.step.population.optimizers import FUSED, moved_together
from ranvier.step.population.stacking import Call, Rule, Stacked, by_torch, for_each_member

_aten = torch.ops.aten


def run(call: Call) -> Any:
    """The call for all members, by the first way that knows it; exactly, once for each."""
    if call.is_exact:
        return for_each_member(call)
    if call.operation._schema.name.startswith("aten::_foreach_"):
        return for_each_tensor(call, run)
    ways: list[Rule] = [RULES[call.operation]] if call.operation in RULES else []
    ways += [moved_together] if call.operation in FUSED else []
    ways += [_reshaped] if call.operation in _SHAPED else []
    for way in (*ways, _with_numbers_as_tensors, by_torch):
        result = way(call)
        if result is not NotImplemented:
            return result
    return for_each_member(call)


_SHAPED = {_aten.view.default, _aten._unsafe_view.default}


def _reshaped(call: Call) -> Any:
    """A view, or a copy where members lie in another order than one alone would."""
    rows, shape = call["self"], call["size"]
    if not isinstance(rows, Stacked):
        return NotImplemented
    shape = (call.members, *shape)
    if call.is_written:
        return Stacked(rows.tensor.view(shape))
    return Stacked(rows.tensor.reshape(shape))


def _product(call: Call) -> Any:
    first, second = _rows(call["self"], call), _rows(call["mat2"], call)
    return Stacked(torch.bmm(first, second))


def _product_and_sum(call: Call) -> Any:
    if call.varies:
        return NotImplemented
    added = _rows(call["self"], call)
    # A bias is one row for all: [N, C] -> [N, 1, C].
    added = added.unsqueeze(1) if added.ndim == 2 else added
    first, second = _rows(call["mat1"], call), _rows(call["mat2"], call)
    return Stacked(torch.baddbmm(added, first, second, beta=call["beta"], alpha=call["alpha"]))


def _rows(value: Any, call: Call) -> Tensor:
    """One tensor for each member; what they share is seen N times, without a copy."""
    if isinstance(value, Stacked):
        return value.tensor
    shared: Tensor = value.unsqueeze(0).expand(call.members, *value.shape)
    return shared


# Up to so many classes softmax is slow along the last axis: measured on an AVX-512 machine at 10
# classes, ten times slower than across rows, with the same bits.
_FEW_CLASSES = 32


def _has_few_classes(rows: Any, axis: int) -> bool:
    if not isinstance(rows, Stacked) or rows.tensor.ndim < 3:
        return False
    own = rows.tensor.ndim - 1
    return axis % own == own - 1 and rows.tensor.shape[-1] <= _FEW_CLASSES


def _softmax(call: Call) -> Any:
    rows, axis = call["self"], call["dim"]
    if not _has_few_classes(rows, axis):
        return NotImplemented
    turned = rows.tensor.mT.contiguous()
    return Stacked(call.operation(turned, turned.ndim - 2, call["half_to_float"]).mT)


def _softmax_backward(call: Call) -> Any:
    gradient, output, axis = call["grad_output"], call["output"], call["dim"]
    if not (isinstance(gradient, Stacked) and _has_few_classes(output, axis)):
        return NotImplemented
    turned = [each.tensor.mT.contiguous() for each in (gradient, output)]
    return Stacked(call.operation(*turned, turned[0].ndim - 2, call["input_dtype"]).mT)


_MEAN = 1


def _is_plain_mean(call: Call) -> bool:
    """Whether a negative log-likelihood is the mean over rows, none left out, none weighed."""
    rows = call["self"]
    return (
        isinstance(rows, Stacked)
        and rows.tensor.ndim == 3
        and call["weight"] is None
        and call["reduction"] == _MEAN
        and not call.varies
        and call["ignore_index"] < -1_000_000
    )


def _likelihood(call: Call) -> Any:
    if not _is_plain_mean(call):
        return NotImplemented
    scores_NBC = call["self"].tensor
    index_NB1 = _rows(call["target"], call).unsqueeze(-1)
    loss_N = -scores_NBC.gather(2, index_NB1).squeeze(-1).mean(1)
    return Stacked(loss_N), Stacked(torch.full_like(loss_N, scores_NBC.shape[1]))


def _likelihood_backward(call: Call) -> Any:
    if not (_is_plain_mean(call) and isinstance(call["grad_output"], Stacked)):
        return NotImplemented
    scores_NBC = call["self"].tensor
    members, rows, classes = scores_NBC.shape
    index_NB1 = _rows(call["target"], call).unsqueeze(-1)
    share_N = -call["grad_output"].tensor / rows
    # Laid out as the scores are, rows last, for the softmax that comes next.
    zeros_NBC = scores_NBC.new_zeros(members, classes, rows).mT
    share_NB1 = share_N.view(-1, 1, 1).expand(members, rows, 1)
    return Stacked(zeros_NBC.scatter(2, index_NB1, share_NB1))


def _batch_norm(call: Call) -> Any:
    statistics = [call["running_mean"], call["running_var"]]
    if not all(isinstance(rows, Stacked) for rows in statistics):
        return NotImplemented
    # torch's rule joins members and features, and would lose what is written to a copy of these.
    means, variances = (Stacked(rows.tensor.contiguous()) for rows in statistics)
    named = {**call.named, "running_mean": means, "running_var": variances}
    result = by_torch(replace(call, arguments=list(named.values())))
    if result is NotImplemented:
        return result
    for rows, joined in zip(statistics, (means, variances), strict=True):
        if joined.tensor is not rows.tensor:
            rows.tensor.copy_(joined.tensor)
    return result


RULES: dict[OpOverload, Rule] = {
    # torch's own would make groups of one convolution, with other orders of summing.
    _aten.convolution.default: for_each_member,
    _aten.convolution_backward.default: for_each_member,
    _aten.native_batch_norm.default: _batch_norm,
    _aten.mm.default: _product,
    _aten.addmm.default: _product_and_sum,
    _aten._log_softmax.default: _softmax,
    _aten._softmax.default: _softmax,
    _aten._log_softmax_backward_data.default: _softmax_backward,
    _aten._softmax_backward_data.default: _softmax_backward,
    _aten.nll_loss_forward.default: _likelihood,
    _aten.nll_loss_backward.default: _likelihood_backward,
}


# Operations on a tensor and a number, and the same on a tensor and a tensor.
_NUMBER_TO_TENSOR = {
    _aten.add.Tensor: _aten.add.Tensor,
    _aten.add_.Tensor: _aten.add_.Tensor,
    _aten.add.Scalar: _aten.add.Tensor,
    _aten.add_.Scalar: _aten.add_.Tensor,
    _aten.sub.Tensor: _aten.sub.Tensor,
    _aten.sub.Scalar: _aten.sub.Tensor,
    _aten.mul.Tensor: _aten.mul.Tensor,
    _aten.mul_.Tensor: _aten.mul_.Tensor,
    _aten.mul.Scalar: _aten.mul.Tensor,
    _aten.mul_.Scalar: _aten.mul_.Tensor,
    _aten.div.Tensor: _aten.div.Tensor,
    _aten.div_.Tensor: _aten.div_.Tensor,
    _aten.div.Scalar: _aten.div.Tensor,
    _aten.div_.Scalar: _aten.div_.Tensor,
    _aten.lerp.Scalar: _aten.lerp.Tensor,
    _aten.lerp_.Scalar: _aten.lerp_.Tensor,
}


def _with_numbers_as_tensors(call: Call) -> Any:
    """The operation on tensors of numbers, of the first operand's own type."""
    tensor_operation = _NUMBER_TO_TENSOR.get(call.operation)
    rows = call.arguments[0]
    if tensor_operation is None or not call.varies or not isinstance(rows, Stacked):
        return NotImplemented
    like = rows.tensor
    if not like.is_floating_point():
        return NotImplemented

    def as_rows(leaf: Any) -> Any:
        if not isinstance(leaf, PerMember):
            return leaf
        values = torch.tensor(leaf.values, dtype=like.dtype, device=like.device)
        return Stacked(values.view(-1, *([1] * (like.ndim - 1))))

    if call.named.get("alpha", 1) != 1:
        return NotImplemented
    operands = [as_rows(value) for name, value in call.named.items() if name != "alpha"]
    if not all(isinstance(operand, Stacked) for operand in operands):
        return NotImplemented
    return Stacked(tensor_operation(*(_widened(each.tensor, like.ndim) for each in operands)))


def _widened(rows: Tensor, axes: int) -> Tensor:
    """`[N, …]` with axes of length 1 after the first, to be met by a tensor of more axes."""
    return rows.view(rows.shape[0], *([1] * (axes - rows.ndim)), *rows.shape[1:])
