"""The networks: some as modules with a forward pass of their own, some as plain sequences."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def dense(
    *widths: int,
    activation: type[nn.Module] = nn.ReLU,
    norm: type[nn.Module] | None = None,
    drop: float = 0.0,
    end: type[nn.Module] | None = None,
) -> nn.Sequential:
    """Linear layers with an activation after each but the last."""
    layers: list[nn.Module] = []
    for place, (fan_in, fan_out) in enumerate(zip(widths, widths[1:], strict=False)):
        layers.append(nn.Linear(fan_in, fan_out))
        if place < len(widths) - 2:
            layers += [norm(fan_out)] if norm else []
            layers.append(activation())
            layers += [nn.Dropout(drop)] if drop else []
    return nn.Sequential(*layers, *([end()] if end else []))


class Residual(nn.Module):
    """Dense blocks with a way round each, normalised first."""

    def __init__(self, features: int, width: int, blocks: int, outputs: int) -> None:
        super().__init__()
        self.enter = nn.Linear(features, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width)
            )
            for _ in range(blocks)
        )
        self.head = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.enter(x)
        for block in self.blocks:
            x = x + block(x)
        return self.head(x)


class Pictures(nn.Module):
    """Two convolutions, a pool, a dense head; functional activations."""

    def __init__(self, *, norm: bool = False, outputs: int = 10) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 16, 3, padding=1)
        self.second = nn.Conv2d(16, 32, 3, padding=1)
        self.norm = nn.BatchNorm2d(16) if norm else nn.Identity()
        self.hidden = nn.Linear(32 * 16, 64)
        self.head = nn.Linear(64, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.first(x)))
        x = F.max_pool2d(F.relu(self.second(x)), 2)
        return self.head(F.relu(self.hidden(x.flatten(1))))


def convolutions(*channels: int, outputs: int, norm: bool = False, drop: float = 0.0):
    """Convolutions with a pool after each, a mean over all places, a head."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in zip(channels, channels[1:], strict=False):
        layers.append(nn.Conv2d(fan_in, fan_out, 3, padding=1))
        layers += [nn.BatchNorm2d(fan_out)] if norm else []
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
        layers += [nn.Dropout2d(drop)] if drop else []
    mean = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, *mean, nn.Linear(channels[-1], outputs))


class ResidualPictures(nn.Module):
    """A stem and two residual blocks of convolutions with batch normalisation."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(channels, channels, 3, padding=1, bias=False),
                nn.BatchNorm2d(channels),
                nn.ReLU(),
                nn.Conv2d(channels, channels, 3, padding=1, bias=False),
                nn.BatchNorm2d(channels),
            )
            for _ in range(2)
        )
        self.head = nn.Linear(channels, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = F.relu(x + block(x))
        return self.head(x.mean((2, 3)))


class Waves(nn.Module):
    """Convolutions over time; series come as `[N, places, features]`."""

    def __init__(self, features: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(features, 16, 5, padding=2), nn.LeakyReLU(0.1), nn.MaxPool1d(2),
            nn.Conv1d(16, 32, 5, padding=2), nn.LeakyReLU(0.1), nn.AdaptiveMaxPool1d(1),
        )  # fmt: skip
        self.head = nn.Linear(32, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layers(x.transpose(1, 2)).squeeze(2))


class Recurrent(nn.Module):
    """A recurrent layer, its last place into a head; tokens are looked up first."""

    def __init__(
        self,
        features: int,
        outputs: int,
        *,
        kind: type[nn.RNNBase] = nn.LSTM,
        width: int = 32,
        layers: int = 1,
        both_ways: bool = False,
        tokens: int = 0,
    ) -> None:
        super().__init__()
        self.enter = nn.Embedding(tokens, features) if tokens else nn.Identity()
        self.recurrent = kind(features, width, layers, batch_first=True, bidirectional=both_ways)
        self.head = nn.Linear(width * (2 if both_ways else 1), outputs)

    def forward(self, x: Tensor) -> Tensor:
        outputs, _ = self.recurrent(self.enter(x))
        return self.head(outputs[:, -1])


class EveryPlace(Recurrent):
    """The same with an answer at every place, as a language model gives it."""

    def forward(self, x: Tensor) -> Tensor:
        outputs, _ = self.recurrent(self.enter(x))
        return self.head(outputs)


class Attention(nn.Module):
    """Tokens or places, one layer of a transformer, a mean, a head."""

    def __init__(
        self,
        outputs: int,
        *,
        tokens: int = 0,
        features: int = 0,
        places: int = 12,
        drop: float = 0.1,
    ) -> None:
        super().__init__()
        self.enter = nn.Embedding(tokens, 32) if tokens else nn.Linear(features, 32)
        self.place = nn.Parameter(0.02 * torch.randn(places, 32))
        self.block = nn.TransformerEncoderLayer(32, 4, 64, dropout=drop, batch_first=True)
        self.head = nn.Linear(32, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.block(self.enter(x) + self.place).mean(1))


class Block(nn.Module):
    """Attention and a dense pair, each with a way round, normalised first."""

    def __init__(self, width: int, heads: int, *, is_causal: bool = False) -> None:
        super().__init__()
        self.is_causal = is_causal
        self.before_attention, self.before_dense = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.dense = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        mask = None
        if self.is_causal:
            mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
        seen = self.before_attention(x)
        x = x + self.attention(seen, seen, seen, attn_mask=mask, need_weights=False)[0]
        return x + self.dense(self.before_dense(x))


class Transformer(nn.Module):
    """Blocks over tokens or places; answers at every place, or one of their mean."""

    def __init__(
        self,
        outputs: int,
        *,
        tokens: int = 0,
        features: int = 0,
        places: int,
        width: int = 32,
        blocks: int = 2,
        is_causal: bool = False,
    ) -> None:
        super().__init__()
        self.is_causal = is_causal
        self.enter = nn.Embedding(tokens, width) if tokens else nn.Linear(features, width)
        self.place = nn.Embedding(places, width)
        self.blocks = nn.Sequential(*(Block(width, 4, is_causal=is_causal) for _ in range(blocks)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        places = torch.arange(x.shape[1], device=x.device)
        x = self.norm(self.blocks(self.enter(x) + self.place(places)))
        return self.head(x if self.is_causal else x.mean(1))


class Patches(nn.Module):
    """A picture cut into 16 square patches, and a transformer over them."""

    def __init__(self, outputs: int, *, channels: int = 3, side: int = 4) -> None:
        super().__init__()
        self.cut = nn.Conv2d(channels, 32, side, stride=side)
        self.inner = Transformer(outputs, features=32, places=16)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(self.cut(x).flatten(2).transpose(1, 2))
