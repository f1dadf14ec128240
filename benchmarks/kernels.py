"""How much of a core's peak the native kernels reach, beside torch's.

    python -m benchmarks.kernels [--repeats 15] [--threads 1 2] [--out benchmarks/out]

The peak is measured: a loop of nothing but multiplications and additions on registers. Products and
convolutions are those of the networks that the other benchmarks train, gradients included. Before
anything is timed its numbers are held against torch's. Ours are repeated inside C, torch's inside
Python, as the one is called by a native engine and the other by an interpreter; the two take turns.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

import ranvier
from benchmarks.machine import machine, sentence

SOURCE = Path(ranvier.__file__).parent / "step" / "native" / "source"
TIMER = Path(__file__).with_suffix(".c")
KERNELS = ("conv*.c", "gemm.c", "half.c", "pack.c", "sums.c", "threads.c", "tile.c")
FLAGS = ("-std=gnu11", "-O3", "-march=native", "-ffp-contract=fast", "-fPIC", "-shared")
SECONDS_OF_ONE_TIMING = 2e-3
# Torch's threads go on watching for work after a call, on the cores that ours then want.
SECONDS_UNTIL_IDLE = 0.02
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Product:
    """C [m, n] = op(A) op(B), named for what it is in a network."""

    title: str
    trans_a: bool
    trans_b: bool
    m: int
    n: int
    k: int


@dataclass(frozen=True)
class Picture:
    """A convolution of square pictures with padding that a usual network gives it."""

    title: str
    batch: int
    side: int
    channels_in: int
    channels_out: int
    kernel: int
    padding: int


def _layer(batch: int, inputs: int, outputs: int) -> tuple[Product, ...]:
    name = f"{batch} × {inputs} → {outputs}"
    return (
        Product(f"{name}, forward", False, True, batch, outputs, inputs),
        Product(f"{name}, weight", True, False, outputs, inputs, batch),
        Product(f"{name}, input", False, False, batch, inputs, outputs),
    )


PRODUCTS = (
    *_layer(32, 20, 64),
    *_layer(32, 64, 64),
    *_layer(32, 64, 10),
    *_layer(128, 784, 512),
    *_layer(128, 512, 256),
    *_layer(4096, 128, 512),
)
PICTURES = (
    Picture("LeNet, first", 64, 28, 1, 6, 5, 2),
    Picture("LeNet, second", 64, 14, 6, 16, 5, 0),
    Picture("3×3, 32 → 32 on 28×28", 128, 28, 32, 32, 3, 1),
    Picture("3×3, 64 → 64 on 14×14", 128, 14, 64, 64, 3, 1),
)


class Convolution(ctypes.Structure):
    """`rv_convolution` of kernels.h."""

    _fields_ = [(f"size{i}", ctypes.c_long) for i in range(16)] + [("stride", ctypes.c_long * 4)]


def library() -> ctypes.CDLL:
    """The kernels and the timer, compiled for this machine."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise SystemExit("The kernels are written in C, and this machine has no compiler (cc).")
    sources = [str(path) for pattern in KERNELS for path in sorted(SOURCE.glob(pattern))]
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "kernels.so"
        command = [compiler, *FLAGS, f"-I{SOURCE}", "-o", str(target), str(TIMER), *sources]
        subprocess.run([*command, "-lm", "-lpthread"], check=True)
        loaded = ctypes.CDLL(str(target))
    loaded.peak.restype = loaded.time_product.restype = ctypes.c_double
    loaded.rv_gemm_workspace.restype = loaded.rv_conv_workspace.restype = ctypes.c_long
    return loaded


def address(floats: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(floats.data_ptr())


def require_equal(title: str, got: Tensor, want: Tensor) -> None:
    """Stops the benchmark where the numbers differ: a wrong result has no speed."""
    off = float((got - want).abs().max() / want.abs().max())
    if not off < TOLERANCE:
        raise SystemExit(f"{title}: the kernel's numbers differ from torch's by {off:.1e}.")


def timed_by_python(call: Callable[[], Any]) -> Callable[[], float]:
    """Seconds of one call, from as many as make a timing long enough."""
    start = time.perf_counter()
    call()
    repeats = max(1, int(SECONDS_OF_ONE_TIMING / (time.perf_counter() - start)))

    def seconds() -> float:
        start = time.perf_counter()
        for _ in range(repeats):
            call()
        return (time.perf_counter() - start) / repeats

    return seconds


def product_timers(
    lib: ctypes.CDLL, product: Product, threads: int
) -> tuple[Callable[[], float], Callable[[], float]]:
    m, n, k = product.m, product.n, product.k
    a = torch.randn(k, m) if product.trans_a else torch.randn(m, k)
    b = torch.randn(n, k) if product.trans_b else torch.randn(k, n)
    c, other = torch.empty(m, n), torch.empty(m, n)
    workspace = torch.empty(lib.rv_gemm_workspace(*map(ctypes.c_long, (m, n, k)), threads))
    left, right = a.T if product.trans_a else a, b.T if product.trans_b else b
    repeats = max(1, int(SECONDS_OF_ONE_TIMING * 1e11 / (2 * m * n * k)))

    def ours(repeats: int = repeats) -> float:
        sizes = map(ctypes.c_long, (m, n, k))
        seconds: float = lib.time_product(
            *(int(product.trans_a), int(product.trans_b), *sizes, address(a)),
            *(ctypes.c_long(a.shape[1]), address(b), ctypes.c_long(b.shape[1]), address(c)),
            *(threads, address(workspace), ctypes.c_long(repeats)),
        )
        return seconds

    ours(1)
    require_equal(product.title, c, torch.mm(left, right, out=other))
    return ours, timed_by_python(lambda: torch.mm(left, right, out=other))


def picture_timers(
    lib: ctypes.CDLL, picture: Picture, threads: int, direction: str
) -> tuple[Callable[[], float], Callable[[], float]]:
    """Ours and torch's, both on pictures with channels last, torch's weight as it likes it best."""
    batch, side, kernel, padding = picture.batch, picture.side, picture.kernel, picture.padding
    last = torch.channels_last
    x = torch.randn(batch, side, side, picture.channels_in).permute(0, 3, 1, 2)
    weight = torch.randn(picture.channels_out, picture.channels_in, kernel, kernel)
    weight = weight.to(memory_format=last)
    y = functional.conv2d(x, weight, padding=padding)
    out = y.shape[2]
    dy = torch.randn(batch, out, out, picture.channels_out).permute(0, 3, 1, 2)
    got = torch.zeros_like({"forward": dy, "input": x, "weight": weight}[direction])
    conv = Convolution(
        *(batch, side, side, picture.channels_in, out, out, picture.channels_out),
        *(kernel, kernel, 1, 1, padding, padding, 1, 1, 1),
        (ctypes.c_long * 4)(*weight.stride()),
    )
    workspace = torch.empty(lib.rv_conv_workspace(ctypes.byref(conv), threads))
    arguments: tuple[Any, ...] = {
        "forward": (lib.rv_conv_forward, x, weight, None, 0, got),
        "input": (lib.rv_conv_input_gradient, dy, weight, got),
        "weight": (lib.rv_conv_weight_gradient, x, dy, got, None),
    }[direction]

    def ours() -> None:
        function, *rest = (
            address(each) if isinstance(each, Tensor) else each for each in arguments
        )
        in_float32 = 0
        function(ctypes.byref(conv), *rest, threads, address(workspace), in_float32)

    wanted = [direction == "input", direction == "weight", False]

    def theirs() -> Tensor:
        if direction == "forward":
            return functional.conv2d(x, weight, padding=padding)
        results: tuple[Tensor, ...] = torch.ops.aten.convolution_backward(
            *(dy, x, weight, None, [1, 1], [padding, padding], [1, 1], False, [0, 0], 1, wanted)
        )
        return results[0 if direction == "input" else 1]

    ours()
    require_equal(f"{picture.title}, {direction}", got, theirs())
    return timed_by_python(ours), timed_by_python(theirs)


def compare(
    title: str, flops: float, timers: tuple[Callable[[], float], Callable[[], float]], repeats: int
) -> dict[str, Any]:
    """Median speeds of ours and torch's from turns, and the median and spread of their ratio."""
    pairs = []
    for _ in range(repeats):
        time.sleep(SECONDS_UNTIL_IDLE)
        ours = timers[0]()
        pairs.append((ours, timers[1]()))
    ratios = sorted(theirs / ours for ours, theirs in pairs)
    return {
        "title": title,
        "microseconds": 1e6 * statistics.median(ours for ours, _ in pairs),
        "gflops": flops / statistics.median(ours for ours, _ in pairs) * 1e-9,
        "torch_gflops": flops / statistics.median(theirs for _, theirs in pairs) * 1e-9,
        "ratio": {"median": statistics.median(ratios), "low": ratios[0], "high": ratios[-1]},
    }


def measure(repeats: int, threads: int) -> dict[str, Any]:
    here, lib = machine(threads=threads), library()
    torch.set_num_threads(threads)
    floats = torch.tensor([0.999, 0.001, *([0.0] * threads)])
    time.sleep(SECONDS_UNTIL_IDLE)
    peak = max(lib.peak(address(floats), threads) for _ in range(20))
    rows = []
    for product in PRODUCTS:
        timers = product_timers(lib, product, threads)
        flops = 2.0 * product.m * product.n * product.k
        rows.append(compare(product.title, flops, timers, repeats))
    for picture in PICTURES:
        out = picture.side + 2 * picture.padding - picture.kernel + 1
        window = picture.kernel**2 * picture.channels_in
        flops = 2.0 * picture.batch * out * out * picture.channels_out * window
        for direction in ("forward", "weight", "input"):
            timers = picture_timers(lib, picture, threads, direction)
            rows.append(compare(f"{picture.title}, {direction}", flops, timers, repeats))
    return {"peak_gflops": peak, "rows": rows, "repeats": repeats, "machine": here}


def markdown(result: dict[str, Any]) -> str:
    """The figures for people."""
    peak = result["peak_gflops"]
    lines = [
        "| kernel | µs | GFLOP/s | of peak | torch | times torch (spread) |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in result["rows"]:
        ratio = row["ratio"]
        lines.append(
            f"| {row['title']} | {row['microseconds']:.2f} | {row['gflops']:.0f} "
            f"| {row['gflops'] / peak:.0%} | {row['torch_gflops']:.0f} "
            f"| {ratio['median']:.2f} ({ratio['low']:.2f}–{ratio['high']:.2f}) |"
        )
    return "\n".join(lines) + (
        f"\n\nMeasured peak: {peak:.0f} GFLOP/s. Median of {result['repeats']} turns. "
        f"Measured on: {sentence(result['machine'])}.\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="The native kernels' speed beside torch's.")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    arguments = parser.parse_args()
    results = [measure(arguments.repeats, threads) for threads in arguments.threads]
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "kernels.json").write_text(json.dumps(results, indent=1) + "\n")
    for result in results:
        print(markdown(result))


if __name__ == "__main__":
    main()
