"""Tables, embeddings of numbers, ensembles inside one network."""

import torch
from torch import Tensor

from ranvier.spec import (
    Dense,
    MemberDense,
    Members,
    Network,
    PeriodicEmbedding,
    PiecewiseEmbedding,
    SharedDense,
    TableFeatures,
)
from tests.laws.examples.example import Example, codes, numbers


def table(shape: tuple[int, ...]) -> Tensor:
    """Two numeric columns, then codes."""
    return torch.cat([numbers((2,)), codes((shape[0] - 2,))], dim=1)


EXAMPLES = [
    Example(Members(4), (3,)),
    Example(MemberDense(4, activation="tanh"), (2, 3)),
    Example(SharedDense(4, activation="silu", input_scale="normal"), (2, 3)),
    Example(Network(Members(3), SharedDense(4), MemberDense(2)), (3,)),
    Example(PeriodicEmbedding(units=3, frequencies=4, deviation=0.5), (2,)),
    Example(PeriodicEmbedding(activation="gelu"), (3,)),
    Example(PiecewiseEmbedding(((-1, 0, 0.5), (0, 1)), 3), (2,)),
    Example(PiecewiseEmbedding(((-1, 0, 0.5), (0, 1)), 3, activation="tanh"), (2,)),
    Example(TableFeatures(numeric=2, cardinalities=(2, 3, 4)), (5,), table),
    Example(
        TableFeatures(numeric=2, cardinalities=(3, 7, 9), one_hot_up_to=5, numbers="periodic"),
        (5,),
        table,
    ),
    Example(
        TableFeatures(
            numeric=2,
            cardinalities=(3, 7, 900),
            one_hot_up_to=2,
            embedding="fastai",
            numbers=Dense(3),
        ),
        (5,),
        table,
    ),
]
