from __future__ import annotations

import ctypes
import os
import threading
import warnings
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.unit.step.native.compiled import Workspace, agree, every_width, kernels, numbers

PLAIN, BIAS, BIAS_RELU = 0, 1, 2
SIZES = st.sampled_from([0, 1, 2, 3, 7, 10, 14, 15, 16, 17, 20, 31, 32, 33, 64]) | st.integers(
    0, 100
)


@dataclass
class Product:
    """alpha op(A) op(B) + beta C in float64, and the floats that a kernel gets for it."""

    m: int
    n: int
    k: int
    trans_a: bool = False
    trans_b: bool = False
    alpha: float = 1.0
    beta: float = 0.0
    slack: int = 0
    epilogue: int = PLAIN
    threads: int = 1
    bf16: bool = False
    is_rounded: bool = True

    def __post_init__(self) -> None:
        random = torch.Generator().manual_seed(self.m + 3 * self.n + 7 * self.k)

        def matrix(rows: int, columns: int) -> Tensor:
            floats = torch.randn(rows, columns + self.slack, generator=random)
            floats[:, columns:] = float("nan")
            return floats

        self.a = matrix(self.k, self.m) if self.trans_a else matrix(self.m, self.k)
        self.b = matrix(self.n, self.k) if self.trans_b else matrix(self.k, self.n)
        self.c = matrix(self.m, self.n)
        self.bias = torch.randn(self.n, generator=random)
        if self.beta == 0:
            self.c.fill_(float("nan"))

    def operands(self) -> tuple[Tensor, Tensor]:
        a = self.a[:, : self.m].T if self.trans_a else self.a[:, : self.k]
        b = self.b[:, : self.k].T if self.trans_b else self.b[:, : self.n]
        if self.bf16 and self.is_rounded:
            a, b = a.bfloat16(), b.bfloat16()
        return a.double(), b.double()

    def expected(self) -> tuple[Tensor, Tensor]:
        """What is right, and the same of absolute values."""
        a, b = self.operands()
        want, size = self.alpha * (a @ b), abs(self.alpha) * (a.abs() @ b.abs())
        if self.beta != 0:
            old = self.beta * self.c[:, : self.n].double()
            want, size = want + old, size + old.abs()
        if self.epilogue != PLAIN:
            want, size = want + self.bias, size + self.bias.abs()
        return (want.relu() if self.epilogue == BIAS_RELU else want), size

    def run(self, library: ctypes.CDLL) -> Tensor:
        c = self.c.clone()
        self.is_rounded = bool(library.rv_has_bf16())
        multiply = library.rv_gemm_bf16 if self.bf16 else library.rv_gemm_epilogue
        with Workspace(
            library.rv_gemm_workspace(self.m, self.n, self.k, self.threads)
        ) as workspace:
            multiply(
                *(self.trans_a, self.trans_b, self.m, self.n, self.k, self.alpha),
                *(self.a.data_ptr(), self.a.shape[1], self.b.data_ptr(), self.b.shape[1]),
                *(self.beta, c.data_ptr(), c.shape[1], self.bias.data_ptr(), self.epilogue),
                *(self.threads, workspace),
            )
        assert torch.equal(c[:, self.n :].isnan(), self.c[:, self.n :].isnan())
        return c[:, : self.n]

    def check(self, library: ctypes.CDLL) -> None:
        agree(self.run(library), *self.expected(), terms=self.k)


@every_width
@settings(max_examples=150, deadline=None)
@given(
    sizes=st.tuples(SIZES, SIZES, SIZES),
    trans=st.tuples(st.booleans(), st.booleans()),
    alpha=st.sampled_from([1.0, -0.5, 0.0]),
    beta=st.sampled_from([0.0, 1.0, -2.0]),
    slack=st.integers(0, 5),
    epilogue=st.sampled_from([PLAIN, BIAS, BIAS_RELU]),
    threads=st.integers(1, 2),
)
def test_a_product_is_right_whatever_its_sizes(
    width, sizes, trans, alpha, beta, slack, epilogue, threads
):
    Product(*sizes, *trans, alpha, beta, slack, epilogue, threads).check(kernels(width))


@every_width
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("trans", [(False, False), (True, True)], ids=["plain", "transposed"])
@pytest.mark.parametrize("sizes", [(350, 70, 530), (37, 1700, 300), (700, 1, 40), (1, 600, 900)])
def test_a_product_of_more_than_one_block_is_right(width, sizes, trans, threads):
    library = kernels(width)
    Product(*sizes, *trans, beta=0.5, slack=1, epilogue=BIAS_RELU, threads=threads).check(library)


@every_width
@settings(max_examples=80, deadline=None)
@given(
    sizes=st.tuples(SIZES, SIZES, SIZES | st.just(600)),
    trans=st.tuples(st.booleans(), st.booleans()),
    beta=st.sampled_from([0.0, 1.0]),
    slack=st.integers(0, 5),
    epilogue=st.sampled_from([PLAIN, BIAS_RELU]),
    threads=st.integers(1, 2),
)
def test_a_product_in_bfloat16_rounds_its_operands_and_nothing_else(
    width, sizes, trans, beta, slack, epilogue, threads
):
    product = Product(*sizes, *trans, 1.0, beta, slack, epilogue, threads, bf16=True)
    product.check(kernels(width))


@every_width
@pytest.mark.parametrize("threads", [1, 2])
def test_the_same_product_twice_is_the_same_to_the_bit(width, threads):
    product = Product(200, 150, 300, trans_b=True, threads=threads)
    assert torch.equal(product.run(kernels(width)), product.run(kernels(width)))


@every_width
@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("trans", [(False, False), (True, True)], ids=["plain", "transposed"])
def test_a_zero_hides_no_nan(width, trans, bf16):
    product = Product(20, 33, 17, *trans, bf16=bf16)
    product.b.zero_()
    (product.a if not trans[0] else product.a.T)[4, 5] = float("nan")
    got = product.run(kernels(width))
    assert got[4].isnan().all()
    assert (got.isnan().sum(), got.nansum()) == (33, 0)


@every_width
@settings(max_examples=50, deadline=None)
@given(
    sizes=st.tuples(*[st.integers(1, 600)] * 3),
    fewer=st.tuples(*[st.floats(0, 1)] * 3),
    threads=st.integers(1, 2),
)
def test_the_room_of_a_product_is_enough_for_a_smaller_one(width, sizes, fewer, threads):
    smaller = [max(1, round(size * part)) for size, part in zip(sizes, fewer, strict=True)]
    room = kernels(width).rv_gemm_workspace
    assert room(*smaller, threads) <= room(*sizes, threads)


@every_width
def test_relu_keeps_a_nan(width):
    product = Product(3, 5, 4, epilogue=BIAS_RELU)
    product.bias[2] = float("nan")
    assert product.run(kernels(width))[:, 2].isnan().all()


@every_width
def test_a_product_without_bias_is_asked_for_in_fewer_words(width):
    library, c = kernels(width), torch.full((2, 3), float("nan"))
    a, b = torch.arange(8.0).reshape(2, 4), torch.arange(12.0).reshape(4, 3)
    with Workspace(library.rv_gemm_workspace(2, 3, 4, 1)) as workspace:
        library.rv_gemm(
            0, 0, 2, 3, 4, 1.0, a.data_ptr(), 4, b.data_ptr(), 3, 0.0, c.data_ptr(), 3, 1, workspace
        )
    assert torch.equal(c, a @ b)


@every_width
@pytest.mark.parametrize("threads", [1, 2])
def test_a_sum_of_very_many_loses_few_digits(width, threads):
    product = Product(3, 2, 1_000_000, threads=threads)
    product.a.fill_(0.1)
    product.b.fill_(1.0)
    # One accumulator for all of them is 1 % off: each 0.1 is rounded to the spacing of floats
    # near 100,000, always the same way.
    assert (product.run(kernels(width)) / 100_000 - 1).abs().max() < 1e-4


@every_width
@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(0, 3000),
    columns=st.integers(0, 70),
    slack=st.integers(0, 3),
    threads=st.integers(1, 3),
)
def test_the_sums_of_columns_are_right(width, rows, columns, slack, threads):
    library, sums = kernels(width), torch.full((columns,), float("nan"))
    x = numbers(rows, columns + slack)
    with Workspace(library.rv_sum_rows_workspace(columns, threads)) as workspace:
        library.rv_sum_rows(
            x.data_ptr(), rows, columns, columns + slack, sums.data_ptr(), threads, workspace
        )
    used = x[:, :columns].double()
    agree(sums, used.sum(0), used.abs().sum(0), terms=40)


@every_width
def test_a_child_of_a_fork_goes_on_without_its_parents_threads(width):
    library, product = kernels(width), Product(100, 90, 200, threads=2)
    want = product.run(library)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Newer Pythons warn of any such fork.
        child = os.fork()
    if child == 0:
        same = [torch.equal(product.run(library), want) for _ in range(3)]
        os._exit(0 if all(same) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert torch.equal(product.run(library), want)


@every_width
def test_callers_at_the_same_time_do_not_disturb_one_another(width):
    library, product = kernels(width), Product(100, 90, 200, threads=2)
    want, wrong = product.run(library), []

    def call() -> None:
        for _ in range(50):
            if not torch.equal(product.run(library), want):
                wrong.append(1)

    callers = [threading.Thread(target=call) for _ in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert wrong == []
