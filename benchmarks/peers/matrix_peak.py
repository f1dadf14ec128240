"""What the machine reaches in a product of two large matrices, in operations a second.

python -m benchmarks.peers.matrix_peak DEVICE
"""

from __future__ import annotations

import json
import sys
import time

import torch

SIZE, REPEATS = 2048, 9


def peak(dtype: torch.dtype, device: str) -> float:
    """The best of several products of SIZE × SIZE matrices."""
    left, right = (torch.randn(SIZE, SIZE).to(device, dtype) for _ in range(2))
    best = 0.0
    for _ in range(REPEATS):
        _wait(device)
        start = time.perf_counter()
        left @ right
        _wait(device)
        best = max(best, 2 * SIZE**3 / (time.perf_counter() - start))
    return best


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    formats = {"float32": torch.float32, "bfloat16": torch.bfloat16}
    print(json.dumps({name: peak(dtype, sys.argv[1]) for name, dtype in formats.items()}))
