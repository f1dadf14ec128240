"""A GPT as nanoGPT writes it: queries, keys and values by one product, PyTorch's own attention.

B rows, T places, C features, H heads.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

HEADS = 4


class Attention(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(features, 3 * features)
        self.output = nn.Linear(features, features)

    def forward(self, x: Tensor) -> Tensor:
        B, T, C = x.shape
        q, k, v = self.qkv(x).view(B, T, 3, HEADS, C // HEADS).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)  # [B, H, T, C/H]
        return self.output(mixed.transpose(1, 2).reshape(B, T, C))


class Block(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(features)
        self.attention = Attention(features)
        self.norm2 = nn.LayerNorm(features)
        self.hidden = nn.Linear(features, 4 * features)
        self.output = nn.Linear(4 * features, features)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.output(F.gelu(self.hidden(self.norm2(x)), approximate="tanh"))


class GPT(nn.Module):
    def __init__(self, vocabulary: int, places: int, features: int, blocks: int) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, features)
        self.positions = nn.Embedding(places, features)
        self.blocks = nn.ModuleList(Block(features) for _ in range(blocks))
        self.norm = nn.LayerNorm(features)
        self.head = nn.Linear(features, vocabulary, bias=False)

    def forward(self, codes: Tensor) -> Tensor:
        places = torch.arange(codes.shape[1], device=codes.device)
        x = self.words(codes) + self.positions(places)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


NAMES = {
    "norm1": "attention_norm",
    "attention.output": "attention.output",
    "norm2": "feed_forward_norm",
    "hidden": "feed_forward.hidden",
    "output": "feed_forward.output",
}


def from_weights(weights: dict[str, Tensor]) -> GPT:
    vocabulary, features = weights["words.weight"].shape
    blocks = sum(name.endswith("query.weight") for name in weights)
    network = GPT(vocabulary, len(weights["positions.weight"]), features, blocks)
    own = {name: w for name, w in weights.items() if not name.startswith("blocks.")}
    for block in range(blocks):
        theirs, ours = f"blocks.{block}", f"blocks.{block}.block"
        for kind in ("weight", "bias"):
            parts = [
                weights[f"{ours}.attention.{part}.{kind}"] for part in ("query", "key", "value")
            ]
            own[f"{theirs}.attention.qkv.{kind}"] = torch.cat(parts)
            for name, other in NAMES.items():
                own[f"{theirs}.{name}.{kind}"] = weights[f"{ours}.{other}.{kind}"]
    network.load_state_dict(own)
    return network
