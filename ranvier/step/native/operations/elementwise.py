"""Operations on single elements, in terms of those that the library has."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from ranvier.step.native.lowering import Lowering, NativeUnsupported, lowers
from ranvier.step.native.program import Operand
from ranvier.step.native.values import View

Elementwise = Callable[..., View]
# By torch's name without what tells the variants apart: `add` for `add.Tensor` and `add_.Scalar`.
ELEMENTWISE: dict[str, Elementwise] = {}


def elementwise(*names: str) -> Callable[[Elementwise], Elementwise]:
    """Register a function for an operation and for the same in place."""

    def register(function: Elementwise) -> Elementwise:
        for name in names:
            ELEMENTWISE[name] = function
            lowers(f"aten::{name}")(_as_handler(function))
            lowers(f"aten::{name}_")(_in_place(function))
        return function

    return register


def _as_handler(function: Elementwise) -> Callable[..., View]:
    def handler(lowering: Lowering, *arguments: Any, **keywords: Any) -> View:
        result = function(lowering, *arguments, **keywords)
        form = lowering.form
        if isinstance(form, torch.Tensor) and form.dtype != result.dtype:
            return lowering.element("copy", result, dtype=form.dtype)
        return result

    return handler


def _in_place(function: Elementwise) -> Callable[..., View]:
    def handler(lowering: Lowering, target: View, *arguments: Any, **keywords: Any) -> View:
        return lowering.assign(target, function(lowering, target, *arguments, **keywords))

    return handler


def _register_plain() -> None:
    """Those that the library has under torch's own name or another."""
    unary = {name: name for name in (
        "neg", "abs", "sqrt", "rsqrt", "reciprocal", "exp", "exp2", "expm1", "log", "log1p", "log2",
        "log10", "sigmoid", "tanh", "erf", "sin", "cos", "atan", "sinh", "cosh", "floor", "ceil",
        "trunc", "sign", "relu", "square", "tan",
    )}  # fmt: skip
    for name, operation in (unary | {"sgn": "sign"}).items():
        elementwise(name)(_plain(operation))
    for name, operation in {"mul": "mul", "maximum": "max", "minimum": "min"}.items():
        elementwise(name)(_plain(operation))
    for name in ("eq", "ne", "lt", "le", "gt", "ge"):
        elementwise(name)(_plain(name, torch.bool))
    for name, operation in {
        "logical_and": "and",
        "logical_or": "or",
        "logical_not": "not",
        "isnan": "isnan",
        "isinf": "isinf",
    }.items():
        elementwise(name)(_plain(operation, torch.bool))
    for name, operation in {"bitwise_and": "and", "bitwise_or": "or", "bitwise_not": "not"}.items():
        elementwise(name)(_of_booleans(operation))


def _plain(operation: str, dtype: torch.dtype | None = None) -> Elementwise:
    def function(lowering: Lowering, *operands: Operand) -> View:
        return lowering.element(operation, *operands, dtype=dtype)

    return function


def _of_booleans(operation: str) -> Elementwise:
    def function(lowering: Lowering, *operands: Operand) -> View:
        if any(isinstance(o, View) and o.dtype != torch.bool for o in operands):
            raise NativeUnsupported("bitwise operations on integers")
        return lowering.element(operation, *operands, dtype=torch.bool)

    return function


_register_plain()


@elementwise("add")
def _add(lowering: Lowering, x: Operand, y: Operand, alpha: float = 1) -> View:
    if alpha != 1:
        y = lowering.element("mul", y, alpha)
    return lowering.element("add", x, y)


@elementwise("sub")
def _sub(lowering: Lowering, x: Operand, y: Operand, alpha: float = 1) -> View:
    if alpha != 1:
        y = lowering.element("mul", y, alpha)
    return lowering.element("sub", x, y)


@elementwise("rsub")
def _rsub(lowering: Lowering, x: Operand, y: Operand, alpha: float = 1) -> View:
    return _sub(lowering, y, x, alpha)


@elementwise("div")
def _div(lowering: Lowering, x: Operand, y: Operand, rounding_mode: str | None = None) -> View:
    form = lowering.form
    is_true = rounding_mode is None and isinstance(form, torch.Tensor)
    quotient = lowering.element("div", x, y, dtype=form.dtype if is_true else None)
    if rounding_mode is None:
        return quotient
    return lowering.element(rounding_mode, quotient)


@elementwise("round")
def _round(lowering: Lowering, x: Operand, *, decimals: int = 0) -> View:
    if decimals:
        raise NativeUnsupported("rounding to decimals")
    return lowering.element("round", x)


@elementwise("remainder")
def _remainder(lowering: Lowering, x: Operand, y: Operand) -> View:
    return lowering.element("remainder", x, y)


@elementwise("pow", "float_power")
def _power(lowering: Lowering, base: Operand, exponent: Operand) -> View:
    simple = {2: "square", 1: "copy", 0.5: "sqrt", -0.5: "rsqrt", -1: "reciprocal"}
    if isinstance(exponent, int | float):
        if exponent in simple:
            return lowering.element(simple[exponent], base)
        if exponent == 3:
            return lowering.element("mul", lowering.element("square", base), base)
    return lowering.element("pow", base, exponent)


@elementwise("where")
def _where(lowering: Lowering, mask: View, yes: Operand, no: Operand) -> View:
    dtype = lowering.form.dtype if isinstance(lowering.form, torch.Tensor) else None
    return lowering.element("where", mask, yes, no, dtype=dtype or _type_of(yes, no))


def _type_of(*operands: Operand) -> torch.dtype:
    return next((o.dtype for o in operands if isinstance(o, View)), torch.float32)


@elementwise("masked_fill")
def _masked_fill(lowering: Lowering, x: View, mask: View, value: Operand) -> View:
    return lowering.element("where", mask, value, x, dtype=x.dtype)


@elementwise("clamp")
def _clamp(
    lowering: Lowering, x: View, min: Operand | None = None, max: Operand | None = None
) -> View:
    if min is not None:
        x = lowering.element("max", x, min)
    return x if max is None else lowering.element("min", x, max)


@elementwise("clamp_min")
def _clamp_min(lowering: Lowering, x: View, least: Operand) -> View:
    return lowering.element("max", x, least)


@elementwise("clamp_max")
def _clamp_max(lowering: Lowering, x: View, most: Operand) -> View:
    return lowering.element("min", x, most)


@elementwise("hardtanh")
def _hardtanh(lowering: Lowering, x: View, least: float = -1.0, most: float = 1.0) -> View:
    return _clamp(lowering, x, least, most)


@elementwise("addcmul")
def _addcmul(lowering: Lowering, x: View, a: View, b: View, value: float = 1) -> View:
    if value != 1:
        a = lowering.element("mul", a, value)
    return lowering.element("multiply_add", a, b, x)


@elementwise("addcdiv")
def _addcdiv(lowering: Lowering, x: View, a: View, b: View, value: float = 1) -> View:
    ratio = lowering.element("div", a, b)
    if value != 1:
        ratio = lowering.element("mul", ratio, value)
    return lowering.element("add", x, ratio)


@elementwise("lerp")
def _lerp(lowering: Lowering, start: View, end: View, weight: Operand) -> View:
    way = lowering.element("mul", lowering.element("sub", end, start), weight)
    return lowering.element("add", start, way)


@elementwise("fill")
def _fill(lowering: Lowering, x: View, value: Operand) -> View:
    return lowering.element("copy", lowering.constant(value, x.shape, x.dtype) if isinstance(
        value, int | float) else value.expand(x.shape), dtype=x.dtype)  # fmt: skip


@elementwise("zero")
def _zero(lowering: Lowering, x: View) -> View:
    return _fill(lowering, x, 0.0)


@lowers("aten::threshold_backward")
def _threshold_backward(lowering: Lowering, gradient: View, result: View, threshold: float) -> View:
    if threshold == 0:
        return lowering.element("pass_positive", result, gradient)
    is_low = lowering.element("le", result, threshold, dtype=torch.bool)
    return lowering.element("where", is_low, 0.0, gradient, dtype=gradient.dtype)


@lowers("aten::sigmoid_backward")
def _sigmoid_backward(lowering: Lowering, gradient: View, result: View) -> View:
    slope = lowering.element("mul", lowering.element("sub", 1.0, result), result)
    return lowering.element("mul", gradient, slope)


@lowers("aten::tanh_backward")
def _tanh_backward(lowering: Lowering, gradient: View, result: View) -> View:
    slope = lowering.element("sub", 1.0, lowering.element("square", result))
    return lowering.element("mul", gradient, slope)


@elementwise("silu")
def _silu(lowering: Lowering, x: View) -> View:
    return lowering.element("mul", x, lowering.element("sigmoid", x))


@elementwise("leaky_relu")
def _leaky_relu(lowering: Lowering, x: View, slope: float = 0.01) -> View:
    is_positive = lowering.element("gt", x, 0.0, dtype=torch.bool)
    low = lowering.element("mul", x, slope)
    return lowering.element("where", is_positive, x, low, dtype=x.dtype)


@elementwise("elu")
def _elu(
    lowering: Lowering, x: View, alpha: float = 1, scale: float = 1, input_scale: float = 1
) -> View:
    is_positive = lowering.element("gt", x, 0.0, dtype=torch.bool)
    bent = lowering.element(
        "expm1", x if input_scale == 1 else lowering.element("mul", x, input_scale)
    )
    low = bent if alpha * scale == 1 else lowering.element("mul", bent, alpha * scale)
    high = x if scale == 1 else lowering.element("mul", x, scale)
    return lowering.element("where", is_positive, high, low, dtype=x.dtype)


_ROOT = math.sqrt(2 / math.pi)
_CUBIC = 0.044715


@elementwise("gelu")
def _gelu(lowering: Lowering, x: View, *, approximate: str = "none") -> View:
    """x Φ(x), Φ the normal distribution function, or its approximation by tanh."""
    return lowering.element(
        "mul", x, _half_one_plus(lowering, _gelu_bend(lowering, x, approximate))
    )


def _gelu_bend(lowering: Lowering, x: View, approximate: str) -> View:
    if approximate == "none":
        return lowering.element("erf", lowering.element("mul", x, math.sqrt(0.5)))
    cubic = lowering.element(
        "mul", lowering.element("mul", lowering.element("square", x), x), _CUBIC
    )
    inner = lowering.element("mul", lowering.element("add", x, cubic), _ROOT)
    return lowering.element("tanh", inner)


def _half_one_plus(lowering: Lowering, bend: View) -> View:
    return lowering.element("mul", lowering.element("add", bend, 1.0), 0.5)


@lowers("aten::gelu_backward")
def _gelu_backward(
    lowering: Lowering, gradient: View, x: View, *, approximate: str = "none"
) -> View:
    """g (Φ(x) + x φ(x)), or the same of the approximation."""
    bend = _gelu_bend(lowering, x, approximate)
    share = _half_one_plus(lowering, bend)
    square = lowering.element("square", x)
    if approximate == "none":
        density = lowering.element("exp", lowering.element("mul", square, -0.5))
        slope = lowering.element("mul", density, 1 / math.sqrt(2 * math.pi))
    else:
        steep = lowering.element("add", lowering.element("mul", square, 3 * _CUBIC), 1.0)
        rest = lowering.element("sub", 1.0, lowering.element("square", bend))
        slope = lowering.element("mul", lowering.element("mul", rest, steep), 0.5 * _ROOT)
    total = lowering.element("add", share, lowering.element("mul", x, slope))
    return lowering.element("mul", gradient, total)
