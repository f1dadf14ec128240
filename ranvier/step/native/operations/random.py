"""Random numbers, the very ones that eager draws.

Masks of dropout are drawn by the library, where it has been seen to draw as torch does. Everything
else, and masks beside anything else, torch itself draws before the steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ranvier.step.native.generator import DOUBLE_EACH
from ranvier.step.native.lowering import Lowering, NativeUnsupported, lowers
from ranvier.step.native.program import Draw
from ranvier.step.native.values import View


def _drawn(lowering: Lowering, into: View, fill: Callable[[Tensor], Any]) -> View:
    """`into`, holding what `fill` draws into a tensor that lies as it does."""
    if not into.is_dense or into.dtype != torch.float32:
        raise NativeUnsupported("random numbers other than float32 side by side")
    stream = View(lowering.stream(into.numel, into.dtype), into.shape, into.strides)
    lowering.program.draws.append(Draw(stream, fill))
    return lowering.element("copy", stream, into=into)


def _in_place(name: str) -> None:
    packet = getattr(torch.ops.aten, name)

    def handler(lowering: Lowering, target: View, *arguments: Any, **keywords: Any) -> View:
        _require_fixed(name, arguments, keywords)
        return _drawn(lowering, target, lambda tensor: packet(tensor, *arguments, **keywords))

    lowers(f"aten::{name}")(handler)


@lowers("aten::bernoulli_")
def _bernoulli(
    lowering: Lowering, target: View, probability: float = 0.5, *, generator: Any = None
) -> View:
    _require_fixed("bernoulli_", (probability,), {})
    method = lowering.bernoulli_method
    if method is None or target.dtype != torch.float32 or not target.is_dense:
        packet = torch.ops.aten.bernoulli_
        return _drawn(lowering, target, lambda tensor: packet(tensor, probability))
    # One method goes along memory, the other along the axes.
    along_memory = method == DOUBLE_EACH or target.is_contiguous
    drawn = target if along_memory else lowering.new(target.shape)
    state = lowering.held(lowering.generator.words)
    lowering.emit(
        "bernoulli",
        [state, method, target.numel, float(probability), drawn],
        reads=[state],
        writes=[drawn, state],
    )
    lowering.program.draws_itself = True
    return drawn if along_memory else lowering.element("copy", drawn, into=target)


for _name in ("uniform_", "normal_", "exponential_", "log_normal_", "cauchy_"):
    _in_place(_name)


def _made(name: str) -> None:
    packet = getattr(torch.ops.aten, name)
    takes_tensor = name.endswith("_like")

    def handler(lowering: Lowering, *arguments: Any, **keywords: Any) -> View:
        own = list(arguments)
        form = lowering.form
        if takes_tensor:
            own[0] = torch.empty_strided(form.shape, form.stride(), dtype=form.dtype)
        _require_fixed(name, own, keywords)
        target = lowering.new(form.shape, form.dtype, strides=form.stride())
        return _drawn(lowering, target, lambda tensor: tensor.copy_(packet(*own, **keywords)))

    lowers(f"aten::{name}")(handler)


for _name in ("rand", "randn", "rand_like", "randn_like"):
    _made(_name)


def _require_fixed(name: str, arguments: Any, keywords: Any) -> None:
    """Refuse random numbers whose distribution depends on what the step computes."""
    if any(isinstance(a, View) for a in (*arguments, *keywords.values())):
        raise NativeUnsupported(f"the operation {name} of tensors")
