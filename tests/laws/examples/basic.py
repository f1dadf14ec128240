"""Dense layers, dropout, normalisation, embeddings, shapes."""

from ranvier.spec import (
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    LayerNorm,
)
from tests.laws.examples.example import Example, codes

EXAMPLES = [
    Example(Dense(4, activation="tanh"), (3,)),
    Example(Dense(4, bias=False, initializer="orthogonal"), (2, 3)),
    Example(Dropout(0.4), (3,)),
    Example(BatchNorm(), (4,)),
    Example(BatchNorm(momentum=0.3, affine=False), (2, 4)),
    Example(LayerNorm(), (4,)),
    Example(LayerNorm(epsilon=1e-3, affine=False), (2, 4)),
    Example(Embedding(3, 4), (2,), codes),
    Example(Flatten(), (2, 3)),
]
