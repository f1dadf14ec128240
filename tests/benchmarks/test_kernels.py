"""The kernels' benchmark compares equal numbers only, and says what it measured."""

from __future__ import annotations

import shutil

import pytest
import torch

from benchmarks import kernels

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")


def test_each_kernel_stands_beside_torchs_and_the_measured_peak(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kernels, "PRODUCTS", kernels.PRODUCTS[:3])
    monkeypatch.setattr(kernels, "PICTURES", (kernels.Picture("small", 2, 8, 3, 4, 3, 1),))
    monkeypatch.setattr(kernels, "SECONDS_OF_ONE_TIMING", 1e-5)
    result = kernels.measure(repeats=2, threads=1)
    titles = [row["title"] for row in result["rows"]]
    assert titles[3:] == ["small, forward", "small, weight", "small, input"]
    assert all(row["gflops"] > 0 and row["torch_gflops"] > 0 for row in result["rows"])
    assert "| small, forward | " in kernels.markdown(result)
    assert f"Measured peak: {result['peak_gflops']:.0f} GFLOP/s" in kernels.markdown(result)


def test_a_kernel_whose_numbers_are_wrong_is_not_timed() -> None:
    right, wrong = torch.tensor([1.0, 2.0]), torch.tensor([1.0, float("nan")])
    kernels.require_equal("a product", right, right.clone())
    with pytest.raises(SystemExit, match="a product: the kernel's numbers differ from torch's"):
        kernels.require_equal("a product", wrong, right)
