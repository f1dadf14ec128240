"""Plain attention is torch's attention, and what must stay float32 does."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ranvier.step.variants import Variant, varied
from ranvier.step.variants.functions import plain_attention

EVERY: list[dict[str, Any]] = [
    {},
    {"is_causal": True},
    {"scale": 0.3},
    {"attn_mask": torch.ones(4, 5, dtype=torch.bool).triu()},
    {"attn_mask": torch.linspace(-2, 2, 20).view(4, 5)},
]


def drawn(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).double()


@pytest.mark.parametrize("options", EVERY, ids=str)
def test_plain_attention_and_its_gradients_are_those_of_the_fused_kernel(
    options: dict[str, Any],
) -> None:
    given = [drawn(2, 6, 4, 8, seed=0), drawn(2, 6, 5, 8, seed=1), drawn(2, 6, 5, 3, seed=2)]
    mask = options.get("attn_mask")
    if mask is not None and mask.dtype != torch.bool:
        options = {**options, "attn_mask": mask.double()}
    results = []
    for attend in (plain_attention, F.scaled_dot_product_attention):
        own = [each.clone().requires_grad_() for each in given]
        mixed = attend(*own, **options)
        results.append([mixed, *torch.autograd.grad(mixed.square().sum(), own)])
    for came, wanted in zip(*results, strict=True):
        torch.testing.assert_close(came, wanted)


def test_plain_attention_shares_keys_and_values_between_heads() -> None:
    given = drawn(2, 6, 4, 8, seed=0), drawn(2, 2, 5, 8, seed=1), drawn(2, 2, 5, 8, seed=2)
    came = plain_attention(*given, enable_gqa=True)
    wanted = F.scaled_dot_product_attention(*given, enable_gqa=True)
    torch.testing.assert_close(came, wanted)


def test_a_query_that_may_attend_to_nothing_stays_finite() -> None:
    nothing = torch.zeros(4, 5, dtype=torch.bool)
    for dtype in (torch.float32, torch.bfloat16):
        given = (drawn(1, 1, rows, 8, seed=rows).to(dtype) * 100 for rows in (4, 5, 5))
        assert plain_attention(*given, attn_mask=nothing).isfinite().all()


def test_plain_attention_drops_shares_of_the_asked_rate() -> None:
    torch.manual_seed(0)
    ones = torch.ones(1, 1, 100, 4)
    mixed = plain_attention(ones, ones, torch.eye(100)[None, None], dropout_p=0.25)
    assert (mixed == 0).float().mean().item() == pytest.approx(0.25, abs=0.02)


class Codes(nn.Module):
    """Notes what reaches a look-up, behind a product."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(1, 1)
        self.looked_up: Tensor | None = None

    def forward(self, rows: Tensor) -> Tensor:
        self.looked_up = rows[:, 0]
        product = self.linear(rows[:, 1:])
        assert product.dtype == torch.bfloat16
        return product


def test_codes_reach_a_layer_whole_while_products_are_in_bfloat16() -> None:
    network = Codes()
    # 1001 lies between two numbers of bfloat16.
    outputs = varied(network, Variant(number_format="bfloat16"))(torch.tensor([[1001.0, 1.0]]))
    assert network.looked_up is not None
    assert network.looked_up.item() == 1001
    assert outputs.dtype == torch.float32


def test_coordinates_of_a_picture_are_never_in_bfloat16() -> None:
    matrix = torch.eye(2, 3)[None] * 1.001

    def look_up(rows: Tensor) -> Tensor:
        return F.affine_grid(matrix, [1, 1, 64, 64], align_corners=False)

    rows = torch.zeros(1)
    assert torch.equal(varied(look_up, Variant(number_format="bfloat16"))(rows), look_up(rows))


def test_a_weight_used_twice_gets_its_gradient_summed_in_float32() -> None:
    weight = nn.Parameter(torch.ones(1, 1))

    def twice(rows: Tensor) -> Tensor:
        return F.linear(rows, weight) + F.linear(rows / 512, weight)

    outputs = varied(twice, Variant(number_format="bfloat16"))(torch.ones(1, 1))
    (gradient,) = torch.autograd.grad(outputs.sum(), weight)
    # In bfloat16, with its 8 bits, 1 + 1/512 is 1.
    assert gradient.item() == 1 + 1 / 512


def test_the_plain_variant_is_the_network_itself() -> None:
    network = nn.Linear(2, 2)
    assert varied(network, Variant(threads=1)) is network


def test_pictures_reach_a_convolution_features_first_where_that_is_chosen() -> None:
    convolution = nn.Conv2d(3, 4, 3)
    pictures = torch.randn(2, 3, 8, 8).contiguous(memory_format=torch.channels_last)
    outputs = varied(convolution, Variant(layout="channels_first"))(pictures)
    assert outputs.is_contiguous()
    assert not convolution(pictures).is_contiguous()
