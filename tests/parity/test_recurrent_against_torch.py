"""Recurrent layers against torch's, with torch's own state dict."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ranvier.nn import build
from ranvier.spec import GRU, LSTM, GRUCell, LSTMCell, Network, RNNCell, SimpleRNN, Take

BATCH, PLACES, FEATURES, UNITS = 5, 7, 3, 4
LENGTHS = torch.tensor([7, 4, 1, 6, 2])
CLOSE = {"rtol": 0, "atol": 1e-12}

KINDS = {SimpleRNN: nn.RNN, LSTM: nn.LSTM, GRU: nn.GRU}
every_kind = pytest.mark.parametrize("kind", KINDS)


def twins(kind, *, mask=None, **settings):
    """Our layer, in a network where it takes a mask, with torch's weights; and torch's."""
    torch.manual_seed(0)
    layer = kind(UNITS, mask=mask, states=True, **settings)
    projection = {"proj_size": layer.projection} if settings.get("projection") else {}
    theirs = KINDS[kind](
        FEATURES,
        UNITS,
        num_layers=layer.layers,
        bidirectional=layer.bidirectional,
        bias=layer.bias,
        batch_first=True,
        **projection,
    ).double()
    if mask is None:
        ours = inner = build(layer, (PLACES, FEATURES)).double()
    else:
        network = Network(Take("input"), layer, inputs=("input", mask))
        ours = build(network, ((PLACES, FEATURES), (PLACES,))).double()
        inner = ours.get_submodule(f"{layer.kind}_1")
    inner.load_state_dict(theirs.state_dict())
    return ours, theirs


def rows():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(BATCH, PLACES, FEATURES, generator=generator, dtype=torch.float64)


def states_of(state, directions):
    """torch's states, batch first as ours."""
    parts = state if isinstance(state, tuple) else (state,)
    return [part[0] if directions == 1 else part.transpose(0, 1) for part in parts]


SETTINGS = [
    {},
    {"bias": False},
    {"layers": 3},
    {"bidirectional": True},
    {"layers": 2, "bidirectional": True},
]


@every_kind
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_torch_s_weights_give_torch_s_numbers(kind, settings):
    ours, theirs = twins(kind, **settings)
    output, *states = ours(rows())
    expected, ends = theirs(rows())
    assert torch.equal(output, expected)
    passes = settings.get("layers", 1) * (2 if settings.get("bidirectional") else 1)
    for mine, its in zip(states, states_of(ends, passes), strict=True):
        assert torch.equal(mine, its)


@every_kind
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_a_mask_of_first_places_gives_what_a_packed_sequence_gives(kind, settings):
    ours, theirs = twins(kind, mask="padding", **settings)
    mask = (torch.arange(PLACES) < LENGTHS.unsqueeze(1)).double()
    output, *states = ours(rows(), mask)
    packed = pack_padded_sequence(rows(), LENGTHS, batch_first=True, enforce_sorted=False)
    packed_output, ends = theirs(packed)
    expected, _ = pad_packed_sequence(packed_output, batch_first=True)
    torch.testing.assert_close(output, expected, **CLOSE)
    passes = settings.get("layers", 1) * (2 if settings.get("bidirectional") else 1)
    for mine, its in zip(states, states_of(ends, passes), strict=True):
        torch.testing.assert_close(mine, its, **CLOSE)


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
def test_a_projection_gives_torch_s_numbers():
    ours, theirs = twins(LSTM, layers=2, bidirectional=True, projection=2)
    output, *states = ours(rows())
    expected, ends = theirs(rows())
    torch.testing.assert_close(output, expected, **CLOSE)
    for mine, its in zip(states, states_of(ends, 4), strict=True):
        torch.testing.assert_close(mine, its, **CLOSE)


@every_kind
def test_dropout_between_layers_draws_as_torch_does(kind):
    ours = build(kind(UNITS, layers=2, dropout=0.5), (PLACES, FEATURES)).train()
    theirs = KINDS[kind](FEATURES, UNITS, num_layers=2, dropout=0.5, batch_first=True).train()
    theirs.load_state_dict(ours.state_dict())
    torch.manual_seed(3)
    mine = ours(rows().float())
    torch.manual_seed(3)
    assert torch.equal(mine, theirs(rows().float())[0])


@pytest.mark.parametrize(
    ("layer", "module", "parts"),
    [(RNNCell, nn.RNNCell, 1), (GRUCell, nn.GRUCell, 1), (LSTMCell, nn.LSTMCell, 2)],
)
def test_a_cell_with_torch_s_weights_gives_torch_s_numbers(layer, module, parts):
    torch.manual_seed(0)
    theirs = module(FEATURES, UNITS).double()
    ours = build(layer(UNITS), ((FEATURES,), *((UNITS,),) * parts)).double()
    ours.load_state_dict(theirs.state_dict())
    state = torch.randn(parts, BATCH, UNITS, dtype=torch.float64).unbind()
    now = rows()[:, 0]
    expected = theirs(now, state if parts > 1 else state[0])
    torch.testing.assert_close(ours(now, *state), expected, rtol=0, atol=0)
