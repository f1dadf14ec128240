"""Attention on torch's fused kernel, with what it remembers of a sequence that comes in pieces.

B batch, T places of the query, S of the memory, H heads, G heads of keys and values, D features of
a head.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ranvier.core.shapes import Shape
from ranvier.nn.graph import Wired, wired
from ranvier.nn.layers.relative import bias, counting, turn
from ranvier.nn.modules import MODULES, Children
from ranvier.nn.streaming import Streams
from ranvier.spec import DotProductAttention as DotProductLayer
from ranvier.spec import Node
from ranvier.spec.layers.relative import Relative, Rotary, relative


@dataclass(frozen=True)
class Past:
    """Keys and values of the places so far that may still be attended to, and how many came."""

    keys_BGSD: Tensor
    values_BGSD: Tensor
    mask_BS: Tensor | None
    places: int


@dataclass(frozen=True)
class Mapped:
    """A memory, how often it had been written to, and its keys and values."""

    memory: Tensor
    version: int
    keys: Tensor
    values: Tensor


class DotProductAttention(Streams):
    """softmax(q kᵀ · scale + bias) v, for every head by itself.

    Shapes: [B, T, H D], [B, S, G D], [B, S, G V], [B, S] -> [B, T, H V].
    """

    query_norm: Tensor | None
    key_norm: Tensor | None
    position_bias: Tensor | None

    def __init__(self, layer: DotProductLayer, inputs: tuple[Shape, ...]) -> None:
        super().__init__()
        self.layer = layer
        self.sequences = sum(len(shape) == 2 for shape in inputs)
        # A memory of its own, that is not read causally, is read ahead.
        self.looks_ahead = self.sequences == 1 and not layer.causal
        self.positions = None if layer.positions is None else relative(layer.positions)
        described = layer.parameters(*inputs)
        for name in ("query_norm", "key_norm", "position_bias"):
            parameter = described.get(name)
            allocated = None if parameter is None else nn.Parameter(torch.empty(parameter.shape))
            self.register_parameter(name, allocated)

    def forward(self, *signals: Tensor) -> Tensor:
        query, *memory = signals[: self.sequences]
        keys, values = (memory or [query])[0], (memory or [query])[-1]
        mask_BS = signals[self.sequences] if len(signals) > self.sequences else None
        query_BHTD = self._normal(_heads(query, self.layer.heads), self.query_norm)
        keys_BGSD = self._normal(_heads(keys, self.layer.groups), self.key_norm)
        values_BGSD = _heads(values, self.layer.groups)
        start = self._start()
        if isinstance(self.positions, Rotary):
            query_BHTD = turn(query_BHTD, self.positions, start)
            keys_BGSD = turn(keys_BGSD, self.positions, start)
        past = self._with_past(Past(keys_BGSD, values_BGSD, mask_BS, start + query.shape[1]))
        mixed_BHTD = self._attend(query_BHTD, past)
        return mixed_BHTD.transpose(1, 2).flatten(2)

    def _normal(self, heads: Tensor, scale: Tensor | None) -> Tensor:
        if scale is None:
            return heads
        if self.layer.normalise == "rms":
            return F.rms_norm(heads, scale.shape, scale, self.layer.epsilon)
        return F.layer_norm(heads, scale.shape, scale, None, self.layer.epsilon)

    def _start(self) -> int:
        """The place of the first query: how many places came before this piece."""
        if self.carry is None or self.carry.state is None or not self.layer.causal:
            return 0
        past: Past = self.carry.state
        return past.places

    def _with_past(self, new: Past) -> Past:
        """The places of this piece after those before it; what later pieces need is kept."""
        if self.carry is None or not self.layer.causal:
            return new
        old: Past | None = self.carry.state
        if old is not None:
            masks = None
            if new.mask_BS is not None and old.mask_BS is not None:
                masks = torch.cat([old.mask_BS, new.mask_BS], dim=1)
            keys = torch.cat([old.keys_BGSD, new.keys_BGSD], dim=2)
            values = torch.cat([old.values_BGSD, new.values_BGSD], dim=2)
            new = Past(keys, values, masks, new.places)
        first = 0
        if self.layer.window is not None:
            first = max(0, new.keys_BGSD.shape[2] - self.layer.window + 1)
        self.carry.state = Past(
            new.keys_BGSD[:, :, first:].detach(),
            new.values_BGSD[:, :, first:].detach(),
            None if new.mask_BS is None else new.mask_BS[:, first:],
            new.places,
        )
        return new

    def _attend(self, query_BHTD: Tensor, past: Past) -> Tensor:
        layer, length, places = self.layer, query_BHTD.shape[2], past.keys_BGSD.shape[2]
        # A length that an exported program leaves open is no int: there the mask stays.
        reaches_all = layer.window is None or (isinstance(places, int) and layer.window >= places)
        window = None if reaches_all else layer.window
        biased = self.positions is not None and not isinstance(self.positions, Rotary)
        plain = past.mask_BS is None and window is None and not biased
        # The kernel knows the triangle by itself, and needs none for one place that comes last.
        begins = self.carry is None or past.places == length
        triangle = plain and layer.causal and begins
        ordered = layer.causal and not (length == 1 and not begins)
        mask, empty = None, None
        if not triangle and (not plain or ordered):
            mask, empty = self._mask(query_BHTD, past, window, biased)
        mixed = F.scaled_dot_product_attention(
            query_BHTD,
            past.keys_BGSD,
            past.values_BGSD,
            attn_mask=mask,
            dropout_p=layer.dropout if self.training else 0.0,
            is_causal=triangle,
            scale=layer.scale,
            enable_gqa=layer.groups != layer.heads,
        )
        return mixed if empty is None else mixed.masked_fill(empty, 0.0)

    def _mask(
        self, query_BHTD: Tensor, past: Past, window: int | None, biased: bool
    ) -> tuple[Tensor, Tensor | None]:
        """What the scores are masked with or get added, and the places to which nothing is left."""
        length, places = query_BHTD.shape[2], past.keys_BGSD.shape[2]
        last = past.places if self.layer.causal else places
        rows_T = counting(query_BHTD, past.places - length, length)
        columns_S = counting(query_BHTD, last - places, places)
        distances_TS = columns_S - rows_T.unsqueeze(1)
        allowed = self._order(distances_TS, window)
        empty = None
        if past.mask_BS is not None:
            real_B11S = (past.mask_BS != 0)[:, None, None, :]
            allowed = real_B11S if allowed is None else allowed & real_B11S
            # A kernel may divide nothing by nothing there; so it attends to all, and is emptied.
            empty = ~allowed.any(dim=-1, keepdim=True)
            allowed = allowed | empty
        if not biased:
            assert allowed is not None
            return allowed, empty
        added_HTS = self._bias(distances_TS).to(query_BHTD.dtype)
        # The kernel wants a row for every sample, or none at all.
        added = added_HTS if allowed is None else added_HTS.where(allowed, float("-inf"))
        return added if added.dim() == 4 else added.unsqueeze(0), empty

    def _order(self, distances_TS: Tensor, window: int | None) -> Tensor | None:
        """Which places the causal order and the window leave, or None for all."""
        allowed = distances_TS <= 0 if self.layer.causal else None
        if window is None:
            return allowed
        near = distances_TS.abs() < window
        return near if allowed is None else near & allowed

    def _bias(self, distances_TS: Tensor) -> Tensor:
        positions, layer = self.positions, self.layer
        assert isinstance(positions, Relative)
        table = self.position_bias
        return bias(positions, distances_TS, table, heads=layer.heads, causal=layer.causal)

    def extra_repr(self) -> str:
        return repr(self.layer)


def _heads(features: Tensor, heads: int) -> Tensor:
    """[B, T, H D] -> [B, H, T, D]."""
    return features.unflatten(2, (heads, -1)).transpose(1, 2)


class AttentionToMemory(Wired, Streams):
    """Attention to another sequence; while it streams, a memory is mapped once.

    Its keys and values are used again for as long as the very same tensor comes as the memory. They
    are not where gradients are wanted, for those would go back through one graph several times.
    """

    def forward(self, *signals: Tensor) -> Tensor | tuple[Tensor, ...]:
        if self.carry is None or torch.is_grad_enabled():
            return super().forward(*signals)
        query, memory, *masks = signals
        mapped: Mapped | None = self.carry.state
        # Tensors made in inference mode do not count how often they are written to.
        version = 0 if memory.is_inference() else memory._version
        if mapped is None or mapped.memory is not memory or mapped.version != version:
            keys, values = self.get_submodule("key")(memory), self.get_submodule("value")(memory)
            mapped = self.carry.state = Mapped(memory, version, keys, values)
        queries = self.get_submodule("query")(query)
        mixed = self.get_submodule("attention")(queries, mapped.keys, mapped.values, *masks)
        return self.get_submodule("output")(mixed)


@MODULES.register("dot_product_attention")
def _dot_product(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, DotProductLayer)
    return DotProductAttention(node.layer, node.inputs)


@MODULES.register("multi_head_attention")
def _multi_head(node: Node, children: Children) -> nn.Module:
    inner = children["attention"]
    assert isinstance(inner, DotProductAttention)
    if sum(len(shape) == 2 for shape in node.inputs) == 1:
        inner.looks_ahead = not inner.layer.causal
        return wired(node, children)
    # A causal memory comes in pieces itself.
    return wired(node, children) if inner.layer.causal else AttentionToMemory(node, children)
