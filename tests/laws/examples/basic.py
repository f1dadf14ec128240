"""Dense layers, embeddings, shapes."""

from ranvier.spec import (
    Dense,
    Embedding,
    Flatten,
)
from tests.laws.examples.example import Example, codes

EXAMPLES = [
    Example(Dense(4, activation="tanh"), (3,)),
    Example(Dense(4, bias=False, initializer="orthogonal"), (2, 3)),
    Example(Embedding(3, 4), (2,), codes),
    Example(Flatten(), (2, 3)),
]
