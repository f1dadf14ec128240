"""Layers made of layers, and graphs."""

from ranvier.spec import (
    Again,
    Aside,
    Dense,
    Embedding,
    Join,
    LayerNorm,
    Network,
    Parallel,
    Repeat,
    Residual,
    Sequence,
    Take,
    TiedDense,
)
from tests.laws.examples.example import Example, codes

EXAMPLES = [
    Example(Sequence(Dense(4), Dense(2)), (3,)),
    Example(Network(Dense(4), Network(Dense(2), name="inner")), (3,)),
    Example(Residual(Dense(4, activation="silu"), Dense(3)), (3,)),
    Example(Repeat(Dense(3, activation="tanh"), times=3), (2,)),
    Example(Repeat([Residual(LayerNorm(), Dense(3))], times=2), (3,)),
    Example(Parallel(Dense(2), [Dense(4, activation="tanh"), Dense(3)]), (3,)),
    *(
        Example(Parallel(Dense(2), Dense(2), join=join), (3,))
        for join in ("sum", "average", "multiply", "maximum", "minimum", "dot")
    ),
    Example(Join("concat"), ((3,), (2,))),
    Example(Join("concat", axis=0), ((2, 3), (1, 3))),
    Example(Join("dot"), ((2, 3), (2, 3))),
    Example(
        Network(Dense(4, name="stem"), Dense(3), Residual(Dense(3), Take("stem"), Dense(3))), (3,)
    ),
    Example(Network(Dense(4, name="stem"), Dense(3), Join(also=("stem", "input"))), (3,)),
    Example(Network(Dense(3, name="one"), Again("one"), Dense(2)), (3,)),
    Example(
        Network(
            Take("left"),
            Dense(4, name="tower"),
            Take("right"),
            Again("tower", name="other"),
            Take("tower", "other"),
            Join("multiply"),
            inputs=("left", "right"),
        ),
        ((3,), (3,)),
    ),
    Example(Network(Aside(Dense(2), name="early"), Dense(4), Take("early", "input"), Join()), (3,)),
    Example(Network(Embedding(3, 4, name="words"), Dense(4), TiedDense("words")), (2,), codes),
    Example(
        Network(Embedding(3, 4, name="words"), Residual(Dense(4)), TiedDense("words", bias=True)),
        (2,),
        codes,
    ),
]
