"""What ready architectures are made of and other families have not."""

from ranvier.spec import (
    AdaptiveNorm,
    AdaptiveScale,
    CodeDropout,
    Dense,
    Embedding,
    GaussianSample,
    GridPositions,
    LayerScale,
    Network,
    PadFeatures,
    SinusoidalEmbedding,
    Take,
)
from tests.laws.examples.example import Example, codes, numbers

EXAMPLES = [
    Example(LayerScale(0.5), (3, 4)),
    Example(AdaptiveNorm(initializer="glorot_uniform"), ((5, 4), (3,))),
    Example(AdaptiveNorm(), ((4,), (3,))),
    Example(AdaptiveScale(initializer="glorot_uniform"), ((2, 3, 4), (3,))),
    Example(
        Network(
            Take("label"),
            Embedding(3, 5, name="condition"),
            Take("features"),
            AdaptiveNorm(condition="condition"),
            Dense(4),
            AdaptiveScale(condition="condition"),
            inputs=("features", "label"),
        ),
        ((6, 4), ()),
        (numbers, codes),
    ),
    Example(SinusoidalEmbedding(8), ()),
    Example(SinusoidalEmbedding(6, base=100.0), (3,)),
    Example(GridPositions(3), (6, 8)),
    Example(GaussianSample(weight=0.1), (6,)),
    Example(Network(Dense(8), GaussianSample()), (5,)),
    Example(CodeDropout(0.5, code=2), (2,), codes),
    Example(Network(CodeDropout(0.2), Embedding(3, 4)), (5,), codes),
    Example(PadFeatures((1, 2)), (3, 4)),
]
