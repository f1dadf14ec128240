"""The C kernels as Python calls them, compiled for each width of vector that this machine has."""

from __future__ import annotations

import ctypes
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor

SOURCE = Path(__file__).parents[4] / "ranvier" / "step" / "native" / "source"
KERNELS = (
    *("threads", "tile", "pack", "gemm", "sums", "pool", "batch_norm", "layer_norm"),
    *("conv", "conv_input", "conv_weight", "conv_depthwise"),
    *("half", "factor", "cells", "recurrent", "recurrent_forward", "recurrent_backward"),
)
FLAGS = ("-std=gnu11", "-O3", "-fPIC", "-shared", "-ffp-contract=fast", "-Wall", "-Werror")
EPSILON = torch.finfo(torch.float32).eps

Long, Float, Pointer, Int = ctypes.c_long, ctypes.c_float, ctypes.c_void_p, ctypes.c_int
PRODUCT = [Int, Int, Long, Long, Long, Float, Pointer, Long, Pointer, Long, Float, Pointer, Long]


def _widths() -> dict[str, tuple[str, ...]]:
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return {"native": ("-mcpu=native",)}
    widths = {"native": ("-march=native",), "narrow": ()}
    try:
        can = Path("/proc/cpuinfo").read_text()
    except OSError:
        return widths
    if " avx2 " in can and " fma " in can:
        widths["avx2"] = ("-mavx2", "-mfma")
    return widths


WIDTHS = _widths()
every_width = pytest.mark.parametrize("width", WIDTHS)


class Convolution(ctypes.Structure):
    """`rv_convolution`."""

    _fields_ = [
        *((name, Long) for name in ("batch", "in_height", "in_width", "in_channels")),
        *((name, Long) for name in ("out_height", "out_width", "out_channels")),
        *((name, Long) for name in ("kernel_height", "kernel_width", "stride_height")),
        *((name, Long) for name in ("stride_width", "padding_height", "padding_width")),
        *((name, Long) for name in ("dilation_height", "dilation_width", "groups")),
        ("weight_stride", Long * 4),
    ]


class Pooling(ctypes.Structure):
    """`rv_pooling`."""

    _fields_ = [
        *((name, Long) for name in ("batch", "in_height", "in_width", "channels")),
        *((name, Long) for name in ("out_height", "out_width", "kernel_height", "kernel_width")),
        *((name, Long) for name in ("stride_height", "stride_width")),
        *((name, Long) for name in ("padding_height", "padding_width")),
        *((name, Long) for name in ("dilation_height", "dilation_width")),
        ("counts_padding", Int),
        ("divisor", Long),
    ]


CONV, POOL = ctypes.POINTER(Convolution), ctypes.POINTER(Pooling)
SIGNATURES = {
    "rv_gemm": [*PRODUCT, Int, Pointer],
    "rv_gemm_epilogue": [*PRODUCT, Pointer, Int, Int, Pointer],
    "rv_gemm_bf16": [*PRODUCT, Pointer, Int, Int, Pointer],
    "rv_sum_rows": [Pointer, Long, Long, Long, Pointer, Int, Pointer],
    "rv_conv_forward": [CONV, Pointer, Pointer, Pointer, Int, Pointer, Int, Pointer, Int],
    "rv_conv_input_gradient": [CONV, Pointer, Pointer, Pointer, Int, Pointer, Int],
    "rv_conv_weight_gradient": [CONV, Pointer, Pointer, Pointer, Pointer, Int, Pointer, Int],
    "rv_max_pool_forward": [POOL, Pointer, Pointer, Pointer, Int],
    "rv_max_pool_backward": [POOL, Pointer, Pointer, Pointer, Int],
    "rv_average_pool_forward": [POOL, Pointer, Pointer, Int],
    "rv_average_pool_backward": [POOL, Pointer, Pointer, Int],
    "rv_batch_norm_forward": [
        *(Pointer, Long, Long, Pointer, Pointer, Float, Float),
        *(Pointer, Pointer, Pointer, Pointer, Pointer, Int, Pointer),
    ],
    "rv_batch_norm_backward": [Pointer, Pointer, Long, Long, *[Pointer] * 6, Int, Pointer],
    "rv_layer_norm_forward": [
        *(Pointer, Long, Long, Pointer, Pointer, Float, Pointer, Pointer, Pointer, Int)
    ],
    "rv_layer_norm_backward": [Pointer, Pointer, Long, Long, *[Pointer] * 6, Int, Pointer],
}
WORKSPACES = {
    "rv_gemm_workspace": [Long, Long, Long, Int],
    "rv_sum_rows_workspace": [Long, Int],
    "rv_conv_workspace": [CONV, Int],
    "rv_norm_workspace": [Long, Int],
}


@cache
def kernels(width: str) -> ctypes.CDLL:
    """The library compiled with the flags of this width; the test is skipped without a compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("this machine has no C compiler")
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "kernels.so"
        sources = [str(SOURCE / f"{name}.c") for name in KERNELS]
        command = [compiler, *FLAGS, *WIDTHS[width], "-o", str(target), *sources]
        done = subprocess.run([*command, "-lm", "-lpthread"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        library = ctypes.CDLL(str(target))
    for name, arguments in SIGNATURES.items():
        getattr(library, name).argtypes = arguments
        getattr(library, name).restype = None
    for name, arguments in WORKSPACES.items():
        getattr(library, name).argtypes = arguments
        getattr(library, name).restype = Long
    return library


def numbers(*shape: int) -> Tensor:
    """Normal random numbers, the same for the same shape."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


class Workspace:
    """Floats for a kernel to work in, NaN before it and with a guard behind it."""

    def __init__(self, size: int) -> None:
        assert size >= 0
        self._floats = torch.full((size + 64,), float("nan"))

    def __enter__(self) -> int:
        return self._floats.data_ptr()

    def __exit__(self, *_: object) -> None:
        assert self._floats[-64:].isnan().all(), "the kernel wrote behind its workspace"


def agree(got: Tensor, want: Tensor, magnitude: Tensor, terms: int) -> None:
    """Whether a sum of `terms` is right within the rounding of any order of summation.

    `magnitude` is the same sum over absolute values: |error| <= terms x epsilon x magnitude.
    """
    assert got.shape == want.shape
    slack = (terms + 8) * EPSILON * magnitude.double() + 1e-30
    wrong = (got.double() - want.double()).abs() > slack
    assert not wrong.any() and not got.isnan().any(), (
        f"{int(wrong.sum())} of {wrong.numel()} are off, {int(got.isnan().sum())} are NaN"
    )
