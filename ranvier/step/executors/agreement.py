"""Whether two ways to run an update came to the same numbers: every bit, or within rounding."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, fx

# How far apart, of its own size, an update's loss and gradients may come out, by number format.
ROUNDING = {torch.float64: 1e-9, torch.float32: 1e-3, torch.float16: 2e-2, torch.bfloat16: 5e-2}
# Of what all tensors of one kind change by. An optimiser that divides by the gradient's own size,
# as Adam does, moves a weight whose true gradient is 0 by a whole step either way, so single
# numbers say nothing here; an update left out or done twice is off by 1.
LARGEST_SHARE = 0.5


class Taken(NamedTuple):
    """What a step left: the state's tensors by name, and loss, gradient norms and gradients."""

    tensors: Mapping[str, Tensor]
    outcome: tuple[Tensor, ...]


def have_same_bits(came: Taken, wanted: Taken) -> bool:
    """Whether every number is the same, NaN where there is NaN; came may lack the gradients."""
    pairs = [*zip(came.tensors.values(), wanted.tensors.values(), strict=True)]
    pairs += zip(came.outcome, wanted.outcome, strict=False)
    return all(torch.equal(a, b) or torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in pairs)


@torch.no_grad()
def are_within(rounding: float, came: Taken, wanted: Taken, before: Mapping[str, Tensor]) -> bool:
    """Whether `came` is `wanted` but for rounding: ‖a − b‖ ≤ rounding·‖b‖ for what was computed.

    Tensors of the state are held together by kind, as all weights or all means of gradients, and
    by how they changed from `before`.
    """
    loss, norms, *gradients = zip(came.outcome, wanted.outcome, strict=False)
    if not all(_is_close(rounding, [pairs]) for pairs in (loss, norms)):
        return False
    if gradients and not _is_close(rounding, gradients):
        return False
    kinds: dict[str, list[str]] = defaultdict(list)
    for name, tensor in wanted.tensors.items():
        if tensor.is_floating_point():
            kinds[_kind(name)].append(name)
        elif not torch.equal(came.tensors[name], tensor):
            return False
    return all(_has_moved_alike(names, came, wanted, before) for names in kinds.values())


def rounding_of(module: fx.GraphModule) -> float:
    """How far apart results of a graph may come out, by its coarsest number format."""
    values = (node.meta.get("val") for node in module.graph.nodes)
    return max(ROUNDING.get(v.dtype, 0.0) for v in values if isinstance(v, Tensor))


def _has_moved_alike(
    names: Sequence[str], came: Taken, wanted: Taken, before: Mapping[str, Tensor]
) -> bool:
    first = [before[name] for name in names]
    a = [came.tensors[name] - b for name, b in zip(names, first, strict=True)]
    b = [wanted.tensors[name] - b for name, b in zip(names, first, strict=True)]
    # What is lost when a small step is added to a large weight.
    resolution = 8 * torch.finfo(first[0].dtype).eps * _size([wanted.tensors[n] for n in names])
    return _size(_differences([*zip(a, b, strict=True)])) <= LARGEST_SHARE * _size(b) + resolution


def _is_close(rounding: float, pairs: Sequence[tuple[Tensor, Tensor]]) -> bool:
    return _size(_differences(pairs)) <= rounding * _size([wanted for _, wanted in pairs])


def _differences(pairs: Sequence[tuple[Tensor, Tensor]]) -> list[Tensor]:
    # Infinite where one is and the other is not; 0 where both are, and where both are NaN.
    return [
        torch.where((a == b) | (a.isnan() & b.isnan()), 0.0, (a - b).nan_to_num(torch.inf))
        for a, b in pairs
    ]


def _size(tensors: Sequence[Tensor]) -> float:
    finite = [tensor.detach().double().nan_to_num(0.0, torch.inf, -torch.inf) for tensor in tensors]
    return float(torch.linalg.vector_norm(torch.stack(torch._foreach_norm(finite))))


def _kind(name: str) -> str:
    """`slot/0/mean/3` is of all the means of its group, a buffer by itself."""
    if name.startswith("buffer/"):
        return name
    return name.rpartition("/")[0] if name.startswith("slot/") else name.partition("/")[0]
