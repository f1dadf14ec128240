"""What layers over sequences say of themselves, and how they refuse what cannot be."""

from __future__ import annotations

import pytest

from ranvier.core.errors import NetworkError, ShapeError
from ranvier.spec import (
    GRU,
    LAYERS,
    LSTM,
    Aside,
    Bidirectional,
    Conv,
    ConvLSTM,
    Dense,
    Embedding,
    GRUCell,
    LSTMCell,
    Masking,
    MinGRU,
    Network,
    Recurrent,
    RNNCell,
    SelectiveStateSpace,
    SimpleRNN,
    Take,
    TimeDistributed,
)

NO_SEQUENCE = "Give it a sequence: a place per row, its features last."


def refused(layer, *shapes, names=("input", "padding", "h")) -> str:
    network = Network(Take("input"), layer, inputs=names[: len(shapes)])
    with pytest.raises(ShapeError) as caught:
        network.describe(input=shapes)
    return str(caught.value)


@pytest.mark.parametrize("kind", [SimpleRNN, LSTM, GRU, SelectiveStateSpace, MinGRU])
def test_what_has_no_places_is_refused(kind):
    assert refused(kind(4), (5,)) == (
        f"{kind.kind}_1: {kind.__name__} got an input of shape (5,); expected (places, features). "
        f"{NO_SEQUENCE}"
    )


@pytest.mark.parametrize("kind", [SimpleRNN, LSTM, GRU, SelectiveStateSpace, MinGRU])
def test_a_mask_of_another_length_is_refused(kind):
    assert refused(kind(4, mask="padding"), (5, 3), (4,)) == (
        f"{kind.kind}_1: {kind.__name__} got an input of shape (5, 3) and (4,); expected an input "
        "(5, 3) and a mask (5,). Let the mask have a number per place."
    )


def test_a_mask_that_is_not_known_is_refused_with_the_nearest():
    message = refused(LSTM(4, mask="paddng"), (5, 3), (5,))
    assert "takes 'paddng'" in message and "Did you mean 'padding'?" in message


@pytest.mark.parametrize(
    ("layer", "shapes", "message"),
    [
        (
            LSTM(4, initial=("padding", "h")),
            ((5, 3), (4,), (3,)),
            "lstm_1: LSTM got an input of shape (5, 3) and (4,) and (3,); expected an input "
            "(5, 3) and a state (4,) and a state (4,). Name a signal for each part of the state.",
        ),
        (
            GRU(4, mask="padding", initial="h"),
            ((5, 3), (4,), (3,)),
            "gru_1: GRU got an input of shape (5, 3) and (4,) and (3,); expected an input (5, 3) "
            "and a mask (5,) and a state (4,). Let the mask have a number per place. Name a "
            "signal for each part of the state.",
        ),
        (
            GRU(4, layers=2, bidirectional=True, initial="padding"),
            ((5, 3), (4,)),
            "gru_1: GRU got an input of shape (5, 3) and (4,); expected an input (5, 3) and a "
            "state (4, 4). Name a signal for each part of the state.",
        ),
        (
            GRU(4, initial="padding"),
            ((5, 3), (3, 4)),
            "gru_1: GRU got an input of shape (5, 3) and (3, 4); expected an input (5, 3) and a "
            "state (4,). Name a signal for each part of the state.",
        ),
        (
            GRUCell(4),
            ((3,),),
            "gru_cell_1: GRUCell got an input of shape (3,); expected (features) and a state "
            "(4,). Give it one place of a sequence, then its state, as Take does or `initial` "
            "names it; to read a whole sequence put it into Recurrent.",
        ),
        (
            LSTMCell(4, initial=("padding", "h")),
            ((3,), (4,), (5,)),
            "lstm_cell_1: LSTMCell got an input of shape (3,) and (4,) and (5,); expected "
            "(features) and a state (4,) and a state (4,). Give it one place of a sequence, then "
            "its state, as Take does or `initial` names it; to read a whole sequence put it into "
            "Recurrent.",
        ),
        (
            RNNCell(4, initial="padding"),
            ((2, 3), (4,)),
            "rnn_cell_1: RNNCell got an input of shape (2, 3) and (4,); expected (features) and a "
            "state (4,). Give it one place of a sequence, then its state, as Take does or "
            "`initial` names it; to read a whole sequence put it into Recurrent.",
        ),
        (
            Recurrent(GRUCell(4)),
            ((5,),),
            "recurrent_1: Recurrent got an input of shape (5,); expected (places, …). "
            f"{NO_SEQUENCE}",
        ),
        (
            Recurrent(Dense(4)),
            ((5, 3),),
            "recurrent_1: Recurrent got Dense to run; expected a cell, such as GRUCell, or the "
            "shapes of its state. Say the shape of every part of the state, the output's first: "
            "state=((4,),).",
        ),
        (
            Recurrent(Network(Take("x"), Dense(3), inputs=("x", "h")), state=((4,),)),
            ((5, 2),),
            "recurrent_1: Recurrent has a cell that gives (3,); expected a state of (4,). Let the "
            "cell give the new state and nothing else, the output first.",
        ),
        (
            Bidirectional(GRU(4)),
            ((5,),),
            "bidirectional_1: Bidirectional got an input of shape (5,); expected (places, …). "
            f"{NO_SEQUENCE}",
        ),
        (
            Bidirectional(GRU(4, states=True)),
            ((5, 3),),
            "bidirectional_1: Bidirectional has a layer that gives (5, 4) and (4,); expected one "
            "output with all 5 places, or one row for the whole sequence. Put a layer inside that "
            "keeps the places.",
        ),
        (
            Bidirectional(Conv(4, 3)),
            ((5, 3),),
            "bidirectional_1: Bidirectional has a layer that gives (3, 4); expected one output "
            "with all 5 places, or one row for the whole sequence. Put a layer inside that keeps "
            "the places.",
        ),
        (
            Bidirectional(GRU(4), mask="padding"),
            ((5, 3), (4,)),
            "bidirectional_1: Bidirectional got an input of shape (5, 3) and (4,); expected an "
            "input (5, 3) and a mask (5,). Let the mask have a number per place.",
        ),
        (
            TimeDistributed(Dense(4)),
            ((5,),),
            "time_distributed_1: TimeDistributed got an input of shape (5,); expected (places, "
            f"…). {NO_SEQUENCE}",
        ),
        (
            ConvLSTM(4, 3),
            ((5, 3),),
            "conv_lstm_1: ConvLSTM got an input of shape (5, 3); expected (places in time, "
            "length, features) or (places in time, height, width, features). "
            f"{NO_SEQUENCE}",
        ),
        (
            ConvLSTM(4, (3, 3)),
            ((5, 3, 3),),
            "conv_lstm_1: ConvLSTM got an input of shape (5, 3, 3); expected (places in time, "
            f"height, width, features). {NO_SEQUENCE}",
        ),
        (
            ConvLSTM(4, 3),
            ((5, 2, 3),),
            "conv_lstm_1: ConvLSTM got an input of shape (5, 2, 3); expected at least (3,) places "
            "and the features: the window spans (3,). Make the window smaller, pad with "
            "padding='same', or reduce the places less before.",
        ),
        (
            ConvLSTM(4, 3, padding="same", mask="padding"),
            ((5, 4, 3), (4,)),
            "conv_lstm_1: ConvLSTM got an input of shape (5, 4, 3) and (4,); expected an input "
            "(5, 4, 3) and a mask (5,). Let the mask have a number per place.",
        ),
    ],
    ids=lambda value: value.kind if hasattr(value, "kind") else "",
)
def test_what_does_not_fit_is_refused_with_what_would(layer, shapes, message):
    assert refused(layer, *shapes) == message


def test_an_input_too_many_is_refused():
    network = Network(Take("input", "padding"), LSTM(4), inputs=("input", "padding"))
    with pytest.raises(ShapeError) as caught:
        network.describe(input=((5, 3), (5,)))
    assert str(caught.value) == (
        "lstm_1: LSTM got an input of shape (5, 3) and (5,); expected an input (5, 3). Name a mask "
        "or an initial state by its field, and give one input."
    )


def test_misfits_of_several_layers_are_reported_together_and_the_walk_goes_on():
    network = Network(
        LSTM(4), Dense(3), GRU(2, sequence=False), SimpleRNN(5, sequence=False), ConvLSTM(2, 3)
    )
    with pytest.raises(ShapeError) as caught:
        network.describe(input=3)
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == [
        "lstm_0", "gru_2", "simple_rnn_3", "conv_lstm_4"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: LSTM(4, projection=4),
            "LSTM: got a projection of 4 for 4 units; expected fewer than units. Give a smaller "
            "one, or leave it out.",
        ),
        (
            lambda: GRU(4, bidirectional=True, backwards=True, name="g"),
            "g: got bidirectional and backwards; expected one of them. Leave backwards out: both "
            "orders are read.",
        ),
        (
            lambda: GRU(0, layers=0, join="cat", dropout=1),
            "GRU.units: got 0; expected a whole number of at least 1.\n"
            "GRU.layers: got 0; expected a whole number of at least 1 and at most 1,000.\n"
            "GRU.join: got 'cat'; expected one of 'concat', 'sum', 'average', 'multiply'. Did you "
            "mean 'concat'?\n"
            "GRU.dropout: got 1; expected a number from 0 up to, but not, 1.",
        ),
        (
            lambda: SimpleRNN(4, activation="rleu", initial=("h", 3)),
            "SimpleRNN.initial: got ('h', 3); expected names of layers or inputs. Number 2 is 3; "
            "give the name of a layer or of an input.\n"
            "SimpleRNN.activation: got 'rleu'; expected one of 'tanh', 'relu'. Did you mean "
            "'relu'?",
        ),
        (
            lambda: Recurrent(GRUCell(4), state=(4,)),
            "Recurrent.state: got (4,); expected shapes, such as ((4,),), or None. Number 1 is 4; "
            "give a shape, such as (4,).",
        ),
        (
            lambda: SelectiveStateSpace(4, state=0, rank=0),
            "SelectiveStateSpace.state: got 0; expected a whole number of at least 1.\n"
            "SelectiveStateSpace.rank: got 0; expected a whole number of at least 1, or None.",
        ),
        (
            lambda: ConvLSTM(4, (3, 3), stride=(1, 1, 1)),
            "ConvLSTM: got tuples for different numbers of axes: kernel has 2, stride has 3; "
            "expected one number for each axis of space in all of them.",
        ),
    ],
)
def test_a_wrong_value_is_refused_where_it_is_written(make, message):
    with pytest.raises(NetworkError) as caught:
        make()
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("rnn", "simple_rnn"),
        ("mamba", "selective_state_space"),
        ("conv_lstm2d", "conv_lstm"),
        ("simple_rnn_cell", "rnn_cell"),
    ],
)
def test_names_from_elsewhere_are_answered_with_ours(theirs, ours):
    with pytest.raises(KeyError, match=f"Here it is called '{ours}'"):
        LAYERS[theirs]


def test_one_name_of_a_state_may_be_given_bare():
    assert LSTM(4, initial="encoder") == LSTM(4, initial=("encoder",))
    assert repr(LSTM(4, initial="encoder")) == "LSTM(4, initial=('encoder',))"


@pytest.mark.parametrize(
    ("layer", "input", "outputs"),
    [
        (LSTM(4, states=True), (5, 3), ((5, 4), (4,), (4,))),
        (LSTM(4, projection=2, states=True), (5, 3), ((5, 2), (2,), (4,))),
        (GRU(4, layers=3, states=True), (5, 3), ((5, 4), (3, 4))),
        (GRU(4, bidirectional=True, states=True), (5, 3), ((5, 8), (2, 4))),
        (GRU(4, bidirectional=True, join="sum", sequence=False), (5, 3), ((4,),)),
        (LSTM(4, projection=2, bidirectional=True, sequence=False), (5, 3), ((4,),)),
        (Recurrent(LSTMCell(4), states=True, sequence=False), (5, 3), ((4,), (4,), (4,))),
        (ConvLSTM(4, 3, states=True), (5, 6, 7, 3), ((5, 4, 5, 4), (4, 5, 4), (4, 5, 4))),
    ],
    ids=str,
)
def test_outputs_are_the_sequence_or_the_last_then_the_state(layer, input, outputs):
    assert layer.output_shapes(input) == outputs


@pytest.mark.parametrize(
    ("layer", "parameters"),
    [
        # Per gate H (C + H) weights and two biases of H.
        (SimpleRNN(4), 4 * 7 + 8),
        (GRU(4), 3 * (4 * 7 + 8)),
        (LSTM(4), 4 * (4 * 7 + 8)),
        (LSTM(4, bias=False), 4 * 4 * 7),
        (LSTM(4, layers=2, bidirectional=True), 2 * 4 * (4 * 7 + 8) + 2 * 4 * (4 * 12 + 8)),
        (LSTM(4, projection=2), 4 * (4 * 5 + 8) + 8),
        # in 3·16, conv 8·4 + 8, x 8·(1 + 2·16), dt 8 + 8, A 8·16, D 8, out 8·4
        (SelectiveStateSpace(4), 48 + 40 + 264 + 16 + 128 + 8 + 32),
        (MinGRU(4), 8 * 3 + 8),
        (Recurrent(GRUCell(4)), 3 * (4 * 7 + 8)),
        (Bidirectional(GRU(4)), 2 * 3 * (4 * 7 + 8)),
        (TimeDistributed(Dense(4)), 16),
    ],
    ids=str,
)
def test_parameters_are_counted(layer, parameters):
    assert Network(layer).describe(input=(5, 3)).parameters == parameters


def test_a_layer_run_at_every_place_costs_that_many_times_as_much():
    one = Network(Dense(4)).describe(input=3).flops
    assert Network(TimeDistributed(Dense(4))).describe(input=(5, 3)).flops == 5 * one
    cell = GRUCell(4).flops((3,), (4,))
    assert Network(Recurrent(GRUCell(4))).describe(input=(5, 3)).flops == 5 * cell
    assert Network(GRU(4)).describe(input=(5, 3)).flops == 5 * cell


def test_a_mask_made_aside_is_taken_by_name():
    network = Network(Aside(Masking(), name="real"), LSTM(4, mask="real"), GRU(2, mask="real"))
    assert network.output_shape((5, 3)) == (5, 2)
    words = Network(Embedding(9, 3), Aside(Masking(), name="real"), LSTM(4, mask="real"))
    assert words.output_shape(5) == (5, 4)
