"""Blocks of transformers: attention and a feed-forward, each with a way around and normalised."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

from ranvier.core.errors import NetworkError
from ranvier.spec.fields import Count, Flag, Name, Positive, Rule, Share, optional, word
from ranvier.spec.graph import Join
from ranvier.spec.initializers import InitializerField
from ranvier.spec.layer import Family, Form, Layer, Run
from ranvier.spec.layers.attention import (
    HeadNorm,
    MultiHeadAttention,
    OptionalCount,
    Scale,
    Sources,
)
from ranvier.spec.layers.dropout import Dropout, DropPath
from ranvier.spec.layers.feed_forward import FeedForward, GatedFeedForward
from ranvier.spec.layers.normalization import LayerNorm, RMSNorm
from ranvier.spec.layers.relative import RelativeField
from ranvier.spec.trace import Flowed, Misfit, Signal

_GATED = {"glu": "sigmoid", "reglu": "relu", "geglu": "gelu", "swiglu": "silu"}
_WORDS = ("relu", "gelu", "gelu_tanh", "silu", *_GATED)


def _accept_feed_forward(value: Any) -> Any:
    return value if isinstance(value, Layer) else word(*_WORDS).accept(value)


_FEED_FORWARD = Rule(
    word(*_WORDS).wanted + ", or a layer, such as MixtureOfExperts(8)",
    _accept_feed_forward,
    layers=True,
)
_OptionalShare = Annotated[float | None, optional(Share.__metadata__[0])]


@dataclass(frozen=True)
class TransformerEncoder(
    Layer, other_spellings=("transformer_encoder_layer", "transformer_block", "transformer")
):
    """Lets places exchange what they know (attention), then each work on it (feed-forward).

        pre:   h = x + Attention(norm(x)),    a⁽ˡ⁾ = h + FeedForward(norm(h))
        post:  h = norm(x + Attention(x)),    a⁽ˡ⁾ = norm(h + FeedForward(h))

    One block; `Repeat(TransformerEncoder(8), times=6)` gives depth. With "pre" the last block's
    output is not normalised: put a `LayerNorm` after it. `parallel` gives both sublayers the same
    normalised input and adds them at once (with "pre" only). With `causal` it is the block of a
    language model.

    `hidden` is the feed-forward's width, unless told four times the features. `feed_forward` is an
    activation, or "swiglu", "geglu", "reglu", "glu" for a gated one, or a layer of your own such as
    `MixtureOfExperts(8, hidden=256)`. `dropout` acts after each sublayer and, unless told otherwise
    by `attention_dropout` and `feed_forward_dropout`, on attention's weights and on the wide
    features. `drop_path` leaves a whole sublayer out for some samples. `positions`, `kv_heads`,
    `window`, `normalise`, `scale` are `MultiHeadAttention`'s; `mask` names a signal that is true
    where a place is real.

    >>> TransformerEncoder(8, causal=True, feed_forward="swiglu").output_shape((10, 64))
    (10, 64)

    Shapes: [T, C], [T] -> [T, C].

    Reference: Vaswani et al. 2017, arXiv:1706.03762 (post); Xiong et al. 2020, arXiv:2002.04745
        (pre); Chowdhery et al. 2022, arXiv:2204.02311 (parallel).
    """

    form: ClassVar[Form] = "chain"
    family: ClassVar[Family] = "map"
    most_inputs: ClassVar[int | None] = 2

    heads: Count
    hidden: OptionalCount = None
    _: KW_ONLY
    order: Annotated[Literal["pre", "post"], word("pre", "post")] = "pre"
    parallel: Flag = False
    normalisation: Annotated[Literal["layer", "rms"], word("layer", "rms")] = "layer"
    epsilon: Positive = 1e-5
    feed_forward: Annotated[Layer | str, _FEED_FORWARD] = "gelu"
    causal: Flag = False
    window: OptionalCount = None
    kv_heads: OptionalCount = None
    head_units: OptionalCount = None
    scale: Scale = None
    normalise: HeadNorm = None
    positions: RelativeField = None
    bias: Flag = True
    dropout: Share = 0.0
    attention_dropout: _OptionalShare = None
    feed_forward_dropout: _OptionalShare = None
    drop_path: Share = 0.0
    initializer: InitializerField = None
    mask: Name = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.parallel and self.order == "post":
            raise NetworkError(
                f"{self.name or type(self).__name__}.parallel: got True with order='post'; "
                "expected order='pre', whose sublayers start from one norm. Leave one of them out."
            )

    def takes(self) -> tuple[str, ...]:
        return (self.mask,) if self.mask else ()

    def flow(self, run: Run, *signals: Signal) -> Flowed:
        Sources.of(tuple(signal.shape for signal in signals), most=1)
        came, *mask = signals
        if self.parallel:
            return self._abreast(run, came, *mask)
        attention = self._attention(causal=self.causal)
        mixed = self._sublayer(run, "attention", attention, came, *mask)
        return (self._sublayer(run, "feed_forward", self._feed_forward(mixed), mixed),)

    def _abreast(self, run: Run, came: Signal, *mask: Signal) -> tuple[Signal, ...]:
        normal = run("norm", self._norm(), came)
        attended = run("attention", self._attention(causal=self.causal), *normal, *mask)
        worked = run("feed_forward", self._feed_forward(came), *normal)
        ends = (
            self._thinned(run, "attention", *attended),
            self._thinned(run, "feed_forward", *worked),
        )
        return run("sum", Join("sum"), came, *ends)

    def _sublayer(self, run: Run, name: str, layer: Layer, came: Signal, *others: Signal) -> Signal:
        """`layer` with a way around it, normalised before or after."""
        start = came
        if self.order == "pre":
            (start,) = run(f"{name}_norm", self._norm(), came)
        (end,) = run(name, layer, start, *others)
        (end,) = run(f"{name}_sum", Join("sum"), came, self._thinned(run, name, end))
        if self.order == "post":
            (end,) = run(f"{name}_norm", self._norm(), end)
        return end

    def _thinned(self, run: Run, name: str, signal: Signal) -> Signal:
        if self.dropout:
            (signal,) = run(f"{name}_dropout", Dropout(self.dropout), signal)
        if self.drop_path:
            (signal,) = run(f"{name}_drop_path", DropPath(self.drop_path), signal)
        return signal

    def _norm(self) -> Layer:
        kind = LayerNorm if self.normalisation == "layer" else RMSNorm
        return kind(epsilon=self.epsilon)

    def _attention(self, *, causal: bool) -> MultiHeadAttention:
        dropout = self.dropout if self.attention_dropout is None else self.attention_dropout
        return MultiHeadAttention(
            self.heads,
            kv_heads=self.kv_heads,
            head_units=self.head_units,
            causal=causal,
            window=self.window,
            scale=self.scale,
            dropout=dropout,
            bias=self.bias,
            normalise=self.normalise,
            positions=self.positions,
            initializer=self.initializer,
        )

    def _feed_forward(self, came: Signal) -> Layer:
        if isinstance(self.feed_forward, Layer):
            return replace(self.feed_forward, name=None)
        dropout = self.dropout if self.feed_forward_dropout is None else self.feed_forward_dropout
        gate = _GATED.get(self.feed_forward)
        kind = GatedFeedForward if gate else FeedForward
        return kind(
            self.hidden or 4 * came.shape[-1],
            activation=gate or self.feed_forward,
            dropout=dropout,
            bias=self.bias,
            initializer=self.initializer,
        )

    def label(self) -> str:
        return f"{type(self).__name__} · {self.heads} heads"


@dataclass(frozen=True)
class TransformerDecoder(TransformerEncoder, other_spellings=("transformer_decoder_layer",)):
    """Lets places exchange what they know, ask a memory, then each work on it.

        pre:   h = x + Self(norm(x)),  g = h + Cross(norm(h), memory),  a⁽ˡ⁾ = g + FF(norm(g))
        post:  each norm after its sum instead

    The memory is the signal named `memory`, such as an encoder's output, or the second input;
    `memory_mask` names the mask of its places. Attention to oneself is causal unless told. Weights
    of the attention to the memory are in `memory_attention`. The rest is as in
    `TransformerEncoder`; `window` and `positions` concern attention to oneself.

    >>> TransformerDecoder(8).output_shapes([(10, 64), (7, 32)])
    ((10, 64),)

    Shapes: [T, C], [S, M], masks [T], [S] -> [T, C].

    Reference: Vaswani et al. 2017, arXiv:1706.03762.
    """

    most_inputs: ClassVar[int | None] = 4

    _: KW_ONLY
    causal: Flag = True
    memory: Name = None
    memory_mask: Name = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.parallel:
            raise NetworkError(
                f"{self.name or type(self).__name__}.parallel: got True; expected False, for what "
                "is asked of the memory depends on the attention before. Leave it out."
            )

    def takes(self) -> tuple[str, ...]:
        names = (self.memory, self.mask, self.memory_mask)
        return tuple(name for name in names if name)

    def flow(self, run: Run, *signals: Signal) -> Flowed:
        came, memory, own_masks, memory_masks = self._sorted(signals)
        attention = self._attention(causal=self.causal)
        mixed = self._sublayer(run, "attention", attention, came, *own_masks)
        across = replace(self._attention(causal=False), window=None, positions=None)
        asked = self._sublayer(run, "memory_attention", across, mixed, memory, *memory_masks)
        return (self._sublayer(run, "feed_forward", self._feed_forward(asked), asked),)

    def _sorted(
        self, signals: tuple[Signal, ...]
    ) -> tuple[Signal, Signal, tuple[Signal, ...], tuple[Signal, ...]]:
        """The query, the memory, the query's mask and the memory's, the masks where there are."""
        masks = signals[2:]
        fits = [len(signal.shape) for signal in signals] == [2, 2, *(1 for _ in masks)]
        if not fits or len(masks) > 2:
            raise Misfit(
                "a sequence [T, C] and a memory [S, M], then perhaps their masks",
                "Name the memory with memory=, such as an encoder's name.",
                output=signals[0].shape,
            )
        own = 1 if self.mask or len(masks) == 2 else 0
        return signals[0], signals[1], masks[:own], masks[own:]
