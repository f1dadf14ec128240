"""Layers that hand a state from place to place."""

from ranvier.spec import GRU, LSTM, Layer, Network, SimpleRNN, Take
from tests.laws.examples.example import Example, mask, numbers


def masked(layer: Layer) -> Example:
    """The layer in a network whose second input is its mask, `padding`."""
    network = Network(Take("input"), layer, inputs=("input", "padding"))
    return Example(network, ((5, 3), (5,)), (numbers, mask))


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
]
