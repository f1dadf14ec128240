"""Activations: a row of the table each, and the layers with weights, chance or another shape."""

from ranvier.spec import (
    ACTIVATIONS,
    GEGLU,
    GLU,
    Activation,
    Maxout,
    PReLU,
    ReGLU,
    RReLU,
    SwiGLU,
)
from tests.laws.examples.example import Example

EXAMPLES = [
    *(Example(Activation(name), (5,)) for name in ACTIVATIONS),
    Example(Activation("leaky_relu", slope=0.3), (2, 3)),
    Example(Activation("hard_tanh", low=-0.5, high=2), (2, 3)),
    Example(Activation("sparsemax"), (2, 3)),
    Example(PReLU(), (2, 3)),
    Example(PReLU(shared=True, initializer="zeros"), (4,)),
    Example(RReLU(lower=0.1, upper=0.5), (2, 3)),
    Example(GLU(), (2, 6)),
    Example(SwiGLU(), (6,)),
    Example(GEGLU(), (6,)),
    Example(ReGLU(), (6,)),
    Example(Maxout(3), (2, 6)),
]
