"""The arithmetic that optimisers share."""

from __future__ import annotations

import torch

from ranvier.optim.moments import as_kernels_read


def test_on_a_processor_the_learning_rate_stays_as_it_came() -> None:
    rate = torch.tensor(0.1, dtype=torch.float64)
    assert as_kernels_read(0.1, [torch.zeros(2)]) == 0.1
    assert as_kernels_read(rate, [torch.zeros(2)]) is rate


def test_elsewhere_a_number_and_a_tensor_are_the_same_number() -> None:
    # What is no processor is read alike; a tensor without memory stands in for a GPU's.
    away = [torch.zeros(2, device="meta")]
    number = as_kernels_read(0.1, away)
    tensor = as_kernels_read(torch.tensor(0.1, dtype=torch.float64), away)
    assert isinstance(tensor, torch.Tensor)
    assert tensor.dtype == torch.float32
    assert number == tensor.item() != 0.1
