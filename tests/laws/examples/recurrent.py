"""Layers that hand a state from place to place."""

from ranvier.spec import (
    GRU,
    LSTM,
    Bidirectional,
    ConvLSTM,
    Dense,
    Flatten,
    GRUCell,
    Join,
    Layer,
    LSTMCell,
    MinGRU,
    Network,
    Parallel,
    Recurrent,
    RNNCell,
    SelectiveStateSpace,
    SimpleRNN,
    Take,
    TimeDistributed,
)
from tests.laws.examples.example import Example, mask, numbers


def masked(layer: Layer, shape: tuple[int, ...] = (5, 3)) -> Example:
    """The layer in a network whose second input is its mask, `padding`."""
    network = Network(Take("input"), layer, inputs=("input", "padding"))
    return Example(network, (shape, shape[:1]), (numbers, mask))


EXAMPLES = [
    *(Example(kind(4), (5, 3)) for kind in (SimpleRNN, LSTM, GRU)),
    *(masked(kind(4, mask="padding")) for kind in (SimpleRNN, LSTM, GRU)),
    *(
        Example(kind(4, layers=2, bidirectional=True, sequence=False), (5, 3))
        for kind in (SimpleRNN, LSTM, GRU)
    ),
    Example(SimpleRNN(4, activation="relu", bias=False, backwards=True), (5, 3)),
    Example(LSTM(4, projection=2, layers=2, states=True), (5, 3)),
    Example(LSTM(4, recurrent_dropout=0.3, dropout=0.3, layers=2), (5, 3)),
    Example(LSTM(4, bidirectional=True, join="average"), (5, 3)),
    masked(LSTM(4, mask="padding", projection=2, layers=2, states=True)),
    masked(LSTM(4, mask="padding", layers=2, bidirectional=True, join="multiply")),
    masked(GRU(4, mask="padding", sequence=False, layers=2)),
    masked(GRU(4, mask="padding", sequence=False, bidirectional=True, join="sum", states=True)),
    masked(GRU(4, mask="padding", backwards=True)),
    Example(
        Network(
            Take("source"),
            GRU(4, bidirectional=True, states=True, name="encoder"),
            Take("target"),
            GRU(4, layers=2, initial="encoder"),
            inputs=("source", "target"),
        ),
        ((5, 3), (5, 2)),
    ),
    Example(RNNCell(4), ((3,), (4,))),
    Example(GRUCell(4, bias=False), ((3,), (4,))),
    Example(LSTMCell(4), ((3,), (4,), (4,))),
    Example(Recurrent(RNNCell(4, activation="relu")), (5, 3)),
    Example(Recurrent(LSTMCell(4), sequence=False, states=True), (5, 3)),
    masked(Recurrent(GRUCell(4), mask="padding")),
    masked(Recurrent(LSTMCell(4), mask="padding", states=True)),
    Example(
        Recurrent(
            Network(Take("x", "h"), Join(), Dense(4, activation="tanh"), inputs=("x", "h")),
            state=((4,),),
        ),
        (5, 3),
    ),
    Example(Bidirectional(GRU(4)), (5, 3)),
    Example(Bidirectional(Dense(4), join="sum"), (5, 3)),
    Example(Bidirectional(SimpleRNN(4, sequence=False), join="average"), (5, 3)),
    masked(Bidirectional(LSTM(4, mask="padding"), mask="padding")),
    masked(Bidirectional(Network(GRU(4, mask="padding"), Dense(2)), mask="padding")),
    Example(TimeDistributed(Dense(4, activation="tanh")), (5, 3)),
    Example(TimeDistributed(Network(Flatten(), Dense(2))), (5, 2, 3)),
    Example(TimeDistributed(Parallel(Dense(2), Dense(3), join=None)), (5, 3)),
    Example(MinGRU(4), (5, 3)),
    masked(MinGRU(4, mask="padding", bias=False)),
    Example(SelectiveStateSpace(4, state=3), (5, 3)),
    Example(SelectiveStateSpace(2, kernel=1, rank=2, bias=True, convolution_bias=False), (5, 3)),
    masked(SelectiveStateSpace(4, state=2, expand=1, mask="padding")),
    Example(ConvLSTM(2, 3), (5, 4, 3)),
    Example(ConvLSTM(2, (3, 2), padding="same", sequence=False, states=True), (4, 3, 4, 2)),
    Example(ConvLSTM(2, 2, stride=2, bias=False, recurrent_dropout=0.2), (4, 4, 4, 1)),
    masked(ConvLSTM(2, 3, padding="same", mask="padding"), (5, 4, 3)),
]
