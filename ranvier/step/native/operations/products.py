"""Matrix products: of two matrices, or of as many pairs as there are."""

from __future__ import annotations

from dataclasses import replace

import torch

from ranvier.step.native.lowering import Lowering, NativeUnsupported, lowers
from ranvier.step.native.program import Word
from ranvier.step.native.values import View

# Rounding to bfloat16 goes through both operands, which fewer multiplications do not pay back.
WORTH_ROUNDING = 2**18
# As `kernels.h` numbers what follows a product.
PLAIN, BIAS, BIAS_RELU = range(3)


def matrix(lowering: Lowering, view: View) -> tuple[View, int, int]:
    """The matrix (or matrices) as the library takes it, if it is transposed, and row to row."""
    rows, columns = view.shape[-2:]
    down, across = view.strides[-2:]
    if view.constant is None and view.dtype == torch.float32:
        if (across == 1 or columns == 1) and (down >= columns or rows == 1):
            return view, 0, max(down, columns, 1)
        if (down == 1 or rows == 1) and (across >= rows or columns == 1):
            return view, 1, max(across, rows, 1)
    if view.dtype != torch.float32:
        raise NativeUnsupported(f"products of {str(view.dtype).removeprefix('torch.')}")
    return lowering.copied(view), 0, columns


def product(
    lowering: Lowering,
    a: View,
    b: View,
    into: View,
    *,
    alpha: float = 1.0,
    beta: float = 0.0,
    bias: View | None = None,
) -> View:
    """into = alpha a b + beta into + bias; of matrices `[.., M, K]` and `[.., K, N]`."""
    (m, k), n = a.shape[-2:], b.shape[-1]
    a, trans_a, lda = matrix(lowering, a)
    b, trans_b, ldb = matrix(lowering, b)
    batches = a.shape[0] if len(a.shape) == 3 else 1
    steps = [v.strides[0] if batches > 1 and len(v.shape) == 3 else 0 for v in (a, b, into)]
    threads, size, workspace = _room(lowering, m, n, k, batches)
    is_half = lowering.is_half and m * n * k >= WORTH_ROUNDING
    operands: list[Word] = [float(alpha), a, lda, b, ldb, float(beta), into, n]
    after: list[Word] = [0, PLAIN] if bias is None else [bias, BIAS]
    how: list[Word] = [threads, workspace, batches, *steps, size, int(is_half)]
    lowering.emit(
        "product",
        [trans_a, trans_b, m, n, k, *operands, *after, *how],
        reads=[a, b, *([bias] if bias is not None else []), *([into] if beta else [])],
        writes=[into, workspace],
    )
    return into


def _room(lowering: Lowering, m: int, n: int, k: int, batches: int) -> tuple[int, int, View]:
    """Threads, the floats that one of them works in, and the workspace of all.

    Several products are divided among threads, a single one is divided itself.
    """
    # Multiplications that a vector does at once count as one.
    threads = lowering.threads_for(m * n * k * batches // 16)
    size = lowering.sizes.product(m, n, k, threads if batches == 1 else 1)
    return threads, size, lowering.new((max(1, size * (threads if batches > 1 else 1)),))


@lowers("aten::mm", "aten::bmm")
def _mm(lowering: Lowering, a: View, b: View) -> View:
    return product(lowering, a, b, lowering.new((*a.shape[:-1], b.shape[-1])))


@lowers("aten::addmm", "aten::baddbmm")
def _addmm(
    lowering: Lowering, bias: View, a: View, b: View, *, beta: float = 1, alpha: float = 1
) -> View:
    result = lowering.new((*a.shape[:-1], b.shape[-1]))
    is_row = (
        len(result.shape) == 2 and bias.numel == b.shape[-1] and bias.shape[-1:] == b.shape[-1:]
    )
    if is_row and beta == 1 and bias.constant is None and bias.is_contiguous:
        return product(lowering, a, b, result, alpha=alpha, bias=replace(bias))
    lowering.element("copy", bias, into=result)
    return product(lowering, a, b, result, alpha=alpha, beta=float(beta))


@lowers("aten::mv")
def _mv(lowering: Lowering, a: View, x: View) -> View:
    column = x.like(x.stand_in().unsqueeze(1))
    result = product(lowering, a, column, lowering.new((a.shape[0], 1)))
    return result.like(result.stand_in().squeeze(1))


@lowers("aten::dot")
def _dot(lowering: Lowering, x: View, y: View) -> View:
    row, column = x.like(x.stand_in().unsqueeze(0)), y.like(y.stand_in().unsqueeze(1))
    result = product(lowering, row, column, lowering.new((1, 1)))
    return result.like(result.stand_in().view(()))
