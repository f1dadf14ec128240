"""What networks for texts and series are made of: bases, reversible norms, fills."""

from ranvier.spec import (
    LSTM,
    Again,
    Aside,
    BasisBlock,
    BasisExpansion,
    Conv,
    Dense,
    DoublyResidual,
    Embedding,
    MaskedFill,
    Network,
    PaddingMask,
    Permute,
    Pick,
    Repeat,
    ReversibleNorm,
    Take,
)
from tests.laws.examples.example import Example, codes, mask, numbers

EXAMPLES = [
    Example(MaskedFill(), ((5, 2), (5,)), (numbers, mask)),
    Example(
        Network(
            Aside(PaddingMask(), name="padding"),
            Embedding(3, 4),
            MaskedFill(0.5, mask="padding"),
            Conv(3, 3, padding="same"),
        ),
        (6,),
        codes,
    ),
    Example(Network(LSTM(3, states=True), Pick(2), Dense(2)), (4, 2)),
    Example(ReversibleNorm(Permute((1, 0)), Dense(3), Permute((1, 0))), (6, 2)),
    Example(ReversibleNorm(Dense(4), Dense(2), affine=True), (6, 2)),
    Example(BasisExpansion(4, 2), (6,)),
    Example(BasisExpansion(4, 3, basis="trend"), (6,)),
    Example(BasisExpansion(5, 4, basis="seasonality", harmonics=2), (12,)),
    Example(BasisBlock(3, hidden=5, layers=2), (6,), is_smooth=False),
    Example(BasisBlock(4, hidden=5, layers=1, basis="seasonality"), (6,), is_smooth=False),
    Example(DoublyResidual(BasisBlock(3, hidden=5, layers=1)), ((6,), (3,)), is_smooth=False),
    Example(
        Network(
            Dense(3, name="start"),
            Take("input", "start"),
            Repeat(DoublyResidual(BasisBlock(3, hidden=4, layers=1)), times=2),
            DoublyResidual(BasisBlock(3, hidden=4, basis="trend", layers=1), name="trend"),
            Again("trend"),
            Pick(1),
        ),
        (5,),
        is_smooth=False,
    ),
]
