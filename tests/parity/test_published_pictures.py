"""Weights of networks for pictures, under the names they are published with, give their numbers."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ranvier.nn import build, load_weights
from ranvier.nn.published_pictures import recognised
from tests.parity.test_resnet_against_torch import Plain

SIDE, PATCH, UNITS, DEPTH = 32, 8, 128, 3


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(UNITS, 3 * UNITS)
        self.proj = nn.Linear(UNITS, UNITS)

    def forward(self, x: Tensor) -> Tensor:
        rows, places, _ = x.shape
        qkv = self.qkv(x).reshape(rows, places, 3, UNITS // 64, 64).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(*qkv.unbind(0))
        return self.proj(mixed.transpose(1, 2).reshape(rows, places, UNITS))


class Hidden(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(UNITS, 2 * UNITS)
        self.fc2 = nn.Linear(2 * UNITS, UNITS)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = (nn.LayerNorm(UNITS, eps=1e-6) for _ in range(2))
        self.attn = Attention()
        self.mlp = Hidden()

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Patches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, UNITS, PATCH, PATCH)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x).flatten(2).transpose(1, 2)


class Transformer(nn.Module):
    """A vision transformer laid out and named as timm's."""

    def __init__(self) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.randn(1, 1, UNITS))
        self.pos_embed = nn.Parameter(torch.randn(1, (SIDE // PATCH) ** 2 + 1, UNITS))
        self.patch_embed = Patches()
        self.blocks = nn.Sequential(*(Block() for _ in range(DEPTH)))
        self.norm = nn.LayerNorm(UNITS, eps=1e-6)
        self.head = nn.Linear(UNITS, 7)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch_embed(x)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + self.pos_embed
        return self.head(self.norm(self.blocks(x))[:, 0])


@pytest.mark.parametrize("make", [lambda: Plain(18), lambda: Plain(50), Transformer])
def test_a_published_network_is_recognised_and_gives_the_same_answers(make) -> None:
    torch.manual_seed(0)
    theirs: nn.Module = make()
    pictures = torch.randn(2, 3, SIDE, SIDE)
    theirs(pictures)  # statistics of its own
    # A file's tensors come in any order.
    state = dict(sorted(theirs.state_dict().items(), reverse=True))
    published = recognised(state)
    assert published is not None
    ours = build(published.network, (SIDE, SIDE, 3))
    report = load_weights(ours, state, names=published.names)
    assert not report.unused and not report.unfilled
    with torch.no_grad():
        expected = theirs.eval()(pictures)
        found = ours.eval()(pictures.movedim(1, -1))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())


def test_they_are_told_apart_and_called_by_name() -> None:
    residual, transformer = (
        recognised(Plain(34).state_dict()),
        recognised(Transformer().state_dict()),
    )
    assert residual is not None and transformer is not None
    assert residual.words == "torchvision's ResNet-34"
    assert not residual.is_of_one_size
    assert transformer.words == "a vision transformer of 3 blocks for 32 × 32"
    assert transformer.is_of_one_size and transformer.shape == (32, 32, 3)
    lacking = {n: t for n, t in Plain(18).state_dict().items() if n != "layer2.1.conv2.weight"}
    assert recognised(lacking) is None
