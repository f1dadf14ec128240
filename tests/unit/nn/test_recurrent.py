"""Recurrent layers at work: masks, states, pieces, and what runs other layers over places."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from ranvier.core.errors import NetworkError
from ranvier.nn import build
from ranvier.nn.streaming import streaming
from ranvier.spec import (
    GRU,
    LSTM,
    Bidirectional,
    ConvLSTM,
    Dense,
    Flatten,
    GRUCell,
    Join,
    LSTMCell,
    MinGRU,
    Network,
    Recurrent,
    SelectiveStateSpace,
    SimpleRNN,
    Take,
    TimeDistributed,
)

BATCH, PLACES, FEATURES, UNITS = 5, 6, 3, 4
LENGTHS = (6, 3, 1, 5, 0)
# The real places of each row, wherever they stand.
MASK = torch.tensor(
    [
        [1, 1, 1, 1, 1, 1],
        [0, 1, 0, 1, 1, 0],
        [0, 0, 0, 0, 0, 1],
        [1, 1, 1, 1, 1, 0],
        [0, 0, 0, 0, 0, 0],
    ]
).double()
CLOSE = {"rtol": 0, "atol": 1e-12}

MASKED = [
    SimpleRNN(UNITS, mask="padding"),
    LSTM(UNITS, mask="padding", layers=2, bidirectional=True),
    LSTM(UNITS, mask="padding", states=True),
    GRU(UNITS, mask="padding", sequence=False, layers=2),
    GRU(UNITS, mask="padding", backwards=True),
    LSTM(UNITS, mask="padding", projection=2, bidirectional=True, sequence=False),
    Recurrent(LSTMCell(UNITS), mask="padding", states=True),
    Bidirectional(GRU(UNITS, mask="padding"), mask="padding"),
    Bidirectional(Recurrent(GRUCell(UNITS), mask="padding"), mask="padding"),
    SelectiveStateSpace(UNITS, mask="padding"),
    MinGRU(UNITS, mask="padding"),
]
every_masked = pytest.mark.parametrize("layer", MASKED, ids=str)


def rows(*shape, seed=1):
    shape = shape or (BATCH, PLACES, FEATURES)
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def masked(layer, places=PLACES):
    network = Network(Take("input"), layer, inputs=("input", "padding"))
    return build(network, ((places, FEATURES), (places,))).double()


def every_output(result):
    return result if isinstance(result, tuple) else (result,)


@every_masked
@pytest.mark.parametrize("garbage", [1e30, math.nan, math.inf])
def test_what_stands_where_nothing_is_real_does_not_matter(layer, garbage):
    module, real = masked(layer), MASK.unsqueeze(-1) != 0
    clean = torch.where(real, rows(), 0.0).requires_grad_()
    dirty = torch.where(real, rows(), garbage).requires_grad_()
    mine, its = every_output(module(clean, MASK)), every_output(module(dirty, MASK))
    for one, other in zip(mine, its, strict=True):
        torch.testing.assert_close(one, other, **CLOSE)
    (own,) = torch.autograd.grad(sum(each.square().sum() for each in mine), clean)
    (other,) = torch.autograd.grad(sum(each.square().sum() for each in its), dirty)
    torch.testing.assert_close(own, other, **CLOSE)
    assert torch.all(other[(MASK == 0)] == 0)


@every_masked
def test_a_row_gives_what_its_real_places_give_alone(layer):
    module = masked(layer)
    together = every_output(module(rows(), MASK))
    for row, length in enumerate(LENGTHS[:-1]):
        real = MASK[row] != 0
        alone = every_output(module(rows()[row : row + 1, real], MASK[row : row + 1, real]))
        for whole, part in zip(together, alone, strict=True):
            own = whole[row]
            if part.dim() == 3 and part.shape[1] == length and whole.shape[1] == PLACES:
                assert torch.all(own[~real] == 0)
                own = own[real]
            torch.testing.assert_close(own, part[0], **CLOSE)


@every_masked
def test_a_row_without_a_real_place_gives_zeros(layer):
    for output in every_output(masked(layer)(rows(), MASK)):
        assert torch.all(output[-1] == 0)


@pytest.mark.parametrize("states", [False, True])
@pytest.mark.parametrize("kind", [SimpleRNN, LSTM, GRU])
def test_a_row_without_a_real_place_keeps_the_state_it_came_with(kind, states):
    names = ("h", "c")[: 2 if kind is LSTM else 1]
    layer = kind(UNITS, mask="padding", initial=names, sequence=False, states=states)
    network = Network(Take("input"), layer, inputs=("input", "padding", *names))
    shapes = ((PLACES, FEATURES), (PLACES,), *((UNITS,) for _ in names))
    start = [rows(BATCH, UNITS, seed=i + 2) for i in range(len(names))]
    outputs = every_output(build(network, shapes).double()(rows(), MASK, *start))
    assert torch.equal(outputs[0][-1], start[0][-1])
    for mine, its in zip(outputs[1:], start, strict=False):
        assert torch.equal(mine[-1], its[-1])


def test_masks_of_any_type_of_number_are_one():
    module = masked(LSTM(UNITS, mask="padding"))
    expected = module(rows(), MASK)
    for dtype in (torch.bool, torch.int64, torch.float32):
        assert torch.equal(module(rows(), MASK.to(dtype)), expected)


def test_an_exported_program_takes_any_mask():
    module = masked(LSTM(UNITS, mask="padding", bidirectional=True)).eval()
    program = torch.export.export(module, (rows(), torch.ones(BATCH, PLACES).double()))
    torch.testing.assert_close(program.module()(rows(), MASK), module(rows(), MASK), **CLOSE)


def test_a_decoder_goes_on_from_the_encoder_s_state():
    network = Network(
        Take("source"),
        LSTM(UNITS, states=True, name="encoder"),
        Take("target"),
        LSTM(UNITS, initial="encoder", name="decoder"),
        inputs=("source", "target"),
    )
    module = build(network, ((PLACES, FEATURES), (3, 2))).double()
    source, target = rows(), rows(BATCH, 3, 2, seed=2)
    _, h, c = module.encoder(source)
    theirs = nn.LSTM(2, UNITS, batch_first=True).double()
    theirs.load_state_dict(module.decoder.state_dict())
    expected, _ = theirs(target, (h.unsqueeze(0), c.unsqueeze(0)))
    assert torch.equal(module(source, target), expected)


def test_states_of_several_passes_stand_in_torch_s_order():
    layer = GRU(UNITS, layers=2, bidirectional=True, states=True)
    module = build(layer, (PLACES, FEATURES)).double()
    theirs = nn.GRU(FEATURES, UNITS, num_layers=2, bidirectional=True, batch_first=True).double()
    theirs.load_state_dict(module.state_dict())
    assert torch.equal(module(rows())[1], theirs(rows())[1].transpose(0, 1))


@pytest.mark.parametrize(
    "layer",
    [
        LSTM(UNITS, layers=2),
        LSTM(UNITS, projection=2),
        Recurrent(GRUCell(UNITS)),
        SelectiveStateSpace(UNITS, kernel=4),
        SelectiveStateSpace(UNITS, kernel=1),
        MinGRU(UNITS),
    ],
    ids=str,
)
def test_places_that_come_one_by_one_give_what_the_whole_gives(layer):
    module = build(layer, (PLACES, FEATURES)).double()
    with streaming(module):
        pieces = [module(rows()[:, t : t + 1]) for t in range(PLACES)]
    torch.testing.assert_close(torch.cat(pieces, 1), module(rows()), **CLOSE)


@pytest.mark.parametrize(
    "layer",
    [
        LSTM(UNITS, mask="padding", layers=2),
        GRU(UNITS, mask="padding"),
        Recurrent(LSTMCell(UNITS), mask="padding"),
        SelectiveStateSpace(UNITS, mask="padding"),
        MinGRU(UNITS, mask="padding"),
    ],
    ids=str,
)
def test_pieces_with_masks_give_what_the_whole_gives(layer):
    module = masked(layer)
    with streaming(module):
        pieces = [
            module(rows()[:, start:stop], MASK[:, start:stop])
            for start, stop in ((0, 2), (2, 3), (3, 6))
        ]
    torch.testing.assert_close(torch.cat(pieces, 1), module(rows(), MASK), **CLOSE)


def test_no_gradient_reaches_back_beyond_a_piece():
    module, first = build(GRU(UNITS), (PLACES, FEATURES)).double(), rows().requires_grad_()
    with streaming(module):
        module(first)
        second = module(rows())
    assert torch.autograd.grad(second.sum(), first, allow_unused=True) == (None,)


@pytest.mark.parametrize(
    "layer", [LSTM(UNITS, bidirectional=True), GRU(UNITS, backwards=True), Bidirectional(Dense(2))]
)
def test_layers_that_read_backwards_are_not_fed_in_pieces(layer):
    with pytest.raises(NetworkError, match="reads later places of the sequence"):
        with streaming(build(layer, (PLACES, FEATURES))):
            pass


def test_reading_backwards_is_reading_the_reversed_sequence():
    backwards = build(LSTM(UNITS, backwards=True), (PLACES, FEATURES)).double()
    forwards = build(LSTM(UNITS), (PLACES, FEATURES)).double()
    forwards.load_state_dict(backwards.state_dict())
    assert torch.equal(backwards(rows()), forwards(rows().flip(1)).flip(1))


def test_the_forget_gate_starts_open_and_the_other_biases_at_zero():
    module = build(LSTM(UNITS, layers=2, forget_bias=2.0), (PLACES, FEATURES))
    for k in (0, 1):
        gates = getattr(module, f"bias_ih_l{k}").detach().chunk(4)
        assert [gate.unique().tolist() for gate in gates] == [[0.0], [2.0], [0.0], [0.0]]
        assert torch.all(getattr(module, f"bias_hh_l{k}") == 0)


def test_a_cell_takes_at_every_place_what_stands_outside():
    cell = Network(Take("x", "h", "context"), Join(), Dense(UNITS), inputs=("x", "h"), name="cell")
    network = Network(
        Take("input"),
        Recurrent(cell, state=((UNITS,),), name="decoder"),
        inputs=("input", "context"),
    )
    module = build(network, ((PLACES, FEATURES), (2,))).double()
    context, h = rows(BATCH, 2, seed=3), torch.zeros(BATCH, UNITS).double()
    dense = next(each for each in module.modules() if isinstance(each, nn.Linear))
    expected = []
    for now in rows().unbind(1):
        h = dense(torch.cat([now, h, context], -1))
        expected.append(h)
    torch.testing.assert_close(module(rows(), context), torch.stack(expected, 1), **CLOSE)


def test_a_layer_at_every_place_takes_what_stands_outside():
    inside = Network(Take("input", "context"), Join(), Dense(UNITS))
    network = Network(Take("sequence"), TimeDistributed(inside), inputs=("sequence", "context"))
    module = build(network, ((PLACES, FEATURES), (2,))).double()
    context = rows(BATCH, 2, seed=3)
    dense = next(each for each in module.modules() if isinstance(each, nn.Linear))
    spread = context.unsqueeze(1).expand(-1, PLACES, -1)
    torch.testing.assert_close(
        module(rows(), context), dense(torch.cat([rows(), spread], -1)), **CLOSE
    )


def test_a_layer_at_every_place_does_not_see_the_others():
    module = build(TimeDistributed(Network(Flatten(), Dense(2))), (PLACES, 2, 3)).double()
    pictures = rows(BATCH, PLACES, 2, 3)
    alone = [module.layer(pictures[:, t]) for t in range(PLACES)]
    torch.testing.assert_close(module(pictures), torch.stack(alone, 1), **CLOSE)


def test_both_ways_by_the_wrapper_is_both_ways_by_the_field():
    wrapper = masked(Bidirectional(LSTM(UNITS, mask="padding"), mask="padding"))
    field = masked(LSTM(UNITS, mask="padding", bidirectional=True))
    with torch.no_grad():
        for own, its in zip(field.parameters(), wrapper.parameters(), strict=True):
            own.copy_(its)
    torch.testing.assert_close(wrapper(rows(), MASK), field(rows(), MASK), **CLOSE)


def test_a_convolutional_lstm_of_one_place_in_space_is_an_lstm():
    module = build(ConvLSTM(UNITS, 1), (PLACES, 1, FEATURES)).double()
    theirs = build(LSTM(UNITS), (PLACES, FEATURES)).double()
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(module.weight_ih.squeeze(-1))
        theirs.weight_hh_l0.copy_(module.weight_hh.squeeze(-1))
        theirs.bias_ih_l0.copy_(module.bias)
    given = module(rows().unsqueeze(2)).squeeze(2)
    torch.testing.assert_close(given, theirs(rows()), **CLOSE)


def test_a_convolutional_lstm_goes_on_in_pieces():
    module = build(ConvLSTM(2, 3, padding="same"), (PLACES, 4, FEATURES)).double()
    pictures = rows(BATCH, PLACES, 4, FEATURES)
    with streaming(module):
        pieces = [module(pictures[:, :2]), module(pictures[:, 2:])]
    torch.testing.assert_close(torch.cat(pieces, 1), module(pictures), **CLOSE)


def test_dropout_between_layers_is_drawn_in_training_alone():
    module = masked(GRU(UNITS, mask="padding", layers=2, dropout=0.5))
    module.eval()
    assert torch.equal(module(rows(), MASK), module(rows(), MASK))
    module.train()
    assert not torch.equal(module(rows(), MASK), module(rows(), MASK))


def test_weights_copied_or_swapped_are_the_ones_that_count():
    module = build(LSTM(UNITS), (PLACES, FEATURES)).double()
    silent = {name: torch.zeros_like(each) for name, each in module.named_parameters()}
    given = torch.func.functional_call(module, silent, (rows(),))
    assert torch.all(given == 0)
    assert not torch.all(module(rows()) == 0)


@pytest.mark.parametrize(
    "layer",
    [
        SimpleRNN(UNITS, recurrent_dropout=0.5),
        LSTM(UNITS, recurrent_dropout=0.5),
        GRU(UNITS, recurrent_dropout=0.5),
        LSTM(UNITS, layers=2, bidirectional=True),
        Recurrent(LSTMCell(UNITS)),
        SelectiveStateSpace(UNITS),
        MinGRU(UNITS),
    ],
    ids=str,
)
def test_half_precision_goes_through_and_back(layer):
    module = build(layer, (PLACES, FEATURES)).train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = module(rows().float()).float().square().sum()
    loss.backward()
    for parameter in module.parameters():
        assert torch.isfinite(parameter.grad).all()
