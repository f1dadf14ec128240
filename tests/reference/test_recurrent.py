"""Recurrent layers against NumPy in float64, backpropagation through time by hand.

Letters: x input [B, T, C], m mask [B, T], h and c state [B, H], W, U, b, b′ weights; i, f, g, o and
r, z, n gates; dv = ∂L/∂v for L = Σ over every output of (a given array) ⊙ (the output). Each
oracle returns its values and a function that goes back; none owes anything to torch.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ranvier.nn import build
from ranvier.spec import GRU, LSTM, Network, SimpleRNN, Take

BATCH, PLACES, FEATURES, UNITS = 4, 6, 3, 5
CLOSE = {"rtol": 0, "atol": 1e-10}
# Padded behind, before, in between, and a row without any real place.
MASK = np.array(
    [[1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1], [1, 0, 0, 1, 1, 0], [0, 0, 0, 0, 0, 0]], dtype=float
)
ALL = np.ones((BATCH, PLACES))


def draw(*shape, seed=0, scale=1.0):
    return np.random.default_rng(seed).normal(scale=scale, size=shape)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


# One step: (reads = W x + b, keeps = U h + b′, state) -> new state and its way back, which gives
# (dreads, dkeeps, the state's gradient beside the one through keeps).


def simple_step(reads, keeps, state):
    h = np.tanh(reads + keeps)

    def back(dstate):
        da = dstate[0] * (1 - h**2)
        return da, da, [np.zeros_like(h)]

    return [h], back


def relu_step(reads, keeps, state):
    a = reads + keeps

    def back(dstate):
        da = dstate[0] * (a > 0)
        return da, da, [np.zeros_like(a)]

    return [np.maximum(a, 0)], back


def lstm_step(reads, keeps, state):
    _, before = state
    i, f, g, o = np.split(reads + keeps, 4, axis=-1)
    i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
    c = f * before + i * g
    h = o * np.tanh(c)

    def back(dstate):
        dh, dc = dstate
        dc = dc + dh * o * (1 - np.tanh(c) ** 2)
        do = dh * np.tanh(c)
        gates = [
            dc * g * i * (1 - i),
            dc * before * f * (1 - f),
            dc * i * (1 - g**2),
            do * o * (1 - o),
        ]
        da = np.concatenate(gates, axis=-1)
        return da, da, [np.zeros_like(h), dc * f]

    return [h, c], back


def gru_step(reads, keeps, state):
    (before,) = state
    (reads_r, reads_z, reads_n), (keeps_r, keeps_z, keeps_n) = (
        np.split(each, 3, axis=-1) for each in (reads, keeps)
    )
    r, z = sigmoid(reads_r + keeps_r), sigmoid(reads_z + keeps_z)
    n = np.tanh(reads_n + r * keeps_n)

    def back(dstate):
        (dh,) = dstate
        dn = dh * (1 - z) * (1 - n**2)
        dr = dn * keeps_n * r * (1 - r)
        dz = dh * (before - n) * z * (1 - z)
        dreads = np.concatenate([dr, dz, dn], axis=-1)
        return dreads, np.concatenate([dr, dz, dn * r], axis=-1), [dh * z]

    return [(1 - z) * n + z * before], back


def one_direction(step, x, m, weights, state, *, backwards):
    """Outputs [B, T, H], the final state, and the way back from both."""
    W, U, b, b_ = weights
    turns = range(PLACES)[:: -1 if backwards else 1]
    y, tape = np.zeros((BATCH, PLACES, UNITS)), []
    for t in turns:
        new, step_back = step(x[:, t] @ W.T + b, state[0] @ U.T + b_, state)
        real = m[:, t, None]
        tape.append((t, state, step_back))
        state = [real * mine + (1 - real) * old for mine, old in zip(new, state)]
        y[:, t] = real * state[0]

    def back(dy, dstate):
        dx, dweights = np.zeros_like(x), [np.zeros_like(each) for each in weights]
        for t, before, step_back in reversed(tape):
            real = m[:, t, None]
            dnew = [real * each for each in dstate]
            dnew[0] = dnew[0] + real * dy[:, t]
            dreads, dkeeps, direct = step_back(dnew)
            dstate = [(1 - real) * old + new for old, new in zip(dstate, direct)]
            dstate[0] = dstate[0] + dkeeps @ U
            dx[:, t] = dreads @ W
            dweights[0] += dreads.T @ x[:, t]
            dweights[1] += dkeeps.T @ before[0]
            dweights[2] += dreads.sum(axis=0)
            dweights[3] += dkeeps.sum(axis=0)
        return dx, dweights, dstate

    return y, state, back


def stack(step, x, m, weights, *, layers, directions, parts):
    """Stacked layers whose directions stand end to end; states as [P][part]."""
    backs, states = [], []
    for k in range(layers):
        ends = []
        for d in range(directions):
            start = [np.zeros((BATCH, UNITS)) for _ in range(parts)]
            own = weights[k * directions + d]
            ends.append(one_direction(step, x, m, own, start, backwards=d == 1))
        x = np.concatenate([y for y, _, _ in ends], axis=-1)
        states += [state for _, state, _ in ends]
        backs.append([back for _, _, back in ends])

    def back(dy, dstates):
        dweights = {}
        for k in reversed(range(layers)):
            dx = 0.0
            for d, go in enumerate(backs[k]):
                number = k * directions + d
                share = dy[..., d * UNITS : (d + 1) * UNITS]
                part, dweights[number], _ = go(share, dstates[number])
                dx = dx + part
            dy = dx
        return dy, [dweights[number] for number in sorted(dweights)]

    return x, states, back


STEPS = {SimpleRNN: (simple_step, 1), LSTM: (lstm_step, 2), GRU: (gru_step, 1)}
NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def built(layer, mask):
    """The layer in a network with a mask, in float64 with weights that are not what it starts with;
    and its weights as arrays per layer and direction."""
    network = Network(Take("input"), layer, inputs=("input", "padding"))
    module = build(network, ((PLACES, FEATURES), (PLACES,))).double()
    with torch.no_grad():
        for i, parameter in enumerate(module.parameters()):
            parameter.copy_(torch.from_numpy(draw(*parameter.shape, seed=10 + i, scale=0.7)))
    inner = next(each for each in module.modules() if hasattr(each, "mode"))
    suffixes = [each.suffix for passes in layer.directions for each in passes]
    names = [[f"{name}_{suffix}" for name in NAMES] for suffix in suffixes]
    return module, inner, names


def given(module, x, mask, gs):
    """What torch gives: every output, and the input's gradient, for these outputs' gradients."""
    rows = torch.from_numpy(x).requires_grad_()
    result = module(rows, torch.from_numpy(mask))
    outputs = result if isinstance(result, tuple) else (result,)
    torch.autograd.backward(outputs, [torch.from_numpy(g) for g in gs[: len(outputs)]])
    return [each.detach().numpy() for each in outputs], rows.grad.numpy()


def agree(kind, *, mask=ALL, masked=True, layers=1, bidirectional=False, states=False, step=None):
    directions = 2 if bidirectional else 1
    passes = layers * directions
    settings = {"activation": "relu"} if step is relu_step else {}
    layer = kind(
        UNITS,
        layers=layers,
        bidirectional=bidirectional,
        states=states,
        mask="padding" if masked else None,
        **settings,
    )
    module, inner, names = built(layer, mask)
    step, parts = (step or STEPS[kind][0]), STEPS[kind][1]
    weights = [[getattr(inner, name).detach().numpy() for name in group] for group in names]
    x = draw(BATCH, PLACES, FEATURES)
    y, ends, back = stack(step, x, mask, weights, layers=layers, directions=directions, parts=parts)
    g = draw(*y.shape, seed=1)
    dends = [
        [states * draw(BATCH, UNITS, seed=50 + 7 * p + s) for s in range(parts)]
        for p in range(passes)
    ]
    dx, dweights = back(g, dends)
    stacked = [
        np.stack([end[s] for end in ends], axis=1).reshape(BATCH, *layer.stacked(UNITS))
        for s in range(parts)
    ]
    gs = [g] + [
        np.stack([d[s] for d in dends], axis=1).reshape(stacked[0].shape) for s in range(parts)
    ]
    outputs, dx_torch = given(module, x, mask, gs)
    for mine, its in zip([y, *stacked] if states else [y], outputs, strict=True):
        np.testing.assert_allclose(its, mine, **CLOSE)
    np.testing.assert_allclose(dx_torch, dx, **CLOSE)
    for group, expected in zip(names, dweights, strict=True):
        for name, gradient in zip(group, expected, strict=True):
            np.testing.assert_allclose(getattr(inner, name).grad.numpy(), gradient, **CLOSE)


every_kind = pytest.mark.parametrize("kind", [SimpleRNN, LSTM, GRU])


@every_kind
def test_one_layer_is_its_equation(kind):
    agree(kind, masked=False)


@every_kind
def test_the_final_state_is_its_equation(kind):
    agree(kind, masked=False, states=True, layers=2, bidirectional=True)


@every_kind
@pytest.mark.parametrize("states", [False, True])
def test_a_place_that_is_not_real_leaves_the_state_and_gives_zero(kind, states):
    agree(kind, mask=MASK, states=states)


@every_kind
@pytest.mark.parametrize("states", [False, True])
def test_stacked_layers_read_both_ways_past_what_is_not_real(kind, states):
    agree(kind, mask=MASK, layers=2, bidirectional=True, states=states)


@pytest.mark.parametrize("mask", [ALL, MASK], ids=["all", "masked"])
def test_a_simple_layer_with_relu_is_its_equation(mask):
    agree(SimpleRNN, mask=mask, step=relu_step, states=True)


@every_kind
def test_steps_of_our_own_are_torch_s_kernel(kind):
    # The slower way, taken for dropout of the state, at a rate of next to nothing.
    layer = kind(UNITS, layers=2, bidirectional=True, states=True)
    module = build(layer, (PLACES, FEATURES)).double()
    slow = build(
        kind(UNITS, layers=2, bidirectional=True, states=True, recurrent_dropout=1e-300),
        (PLACES, FEATURES),
    ).double()
    slow.load_state_dict(module.state_dict())
    rows = torch.from_numpy(draw(BATCH, PLACES, FEATURES))
    for mine, its in zip(slow.train()(rows), module(rows), strict=True):
        torch.testing.assert_close(mine, its, rtol=0, atol=1e-12)


def test_dropout_of_the_state_silences_the_same_units_at_all_places():
    # With W = 0, U = identity and the state at one, what U reads is the mask over and over.
    layer = SimpleRNN(50, activation="relu", recurrent_dropout=0.5, bias=False, initial="start")
    network = Network(Take("input"), layer, inputs=("input", "start"))
    module = build(network, ((3, 2), (50,))).double().train()
    inner = next(each for each in module.modules() if hasattr(each, "mode"))
    with torch.no_grad():
        inner.weight_ih_l0.zero_()
        inner.weight_hh_l0.copy_(torch.eye(50))
    torch.manual_seed(0)
    outputs = module(torch.zeros(200, 3, 2).double(), torch.ones(200, 50).double())
    first, second, third = outputs.unbind(1)
    assert set(first.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(second, first**2)
    assert torch.equal(third, first**3)
    assert abs(first.mean().item() - 1) < 0.05


@pytest.mark.parametrize("states", [False, True])
def test_a_projection_is_handed_on_in_place_of_the_output(states):
    layer = LSTM(UNITS, projection=2, states=states, sequence=False)
    module = build(layer, (PLACES, FEATURES)).double()
    x = draw(BATCH, PLACES, FEATURES)
    W, U, b, b_, P = (each.detach().numpy() for each in module.parameters())
    h, c = np.zeros((BATCH, 2)), np.zeros((BATCH, UNITS))
    for t in range(PLACES):
        (h, c), _ = lstm_step(x[:, t] @ W.T + b, h @ U.T + b_, (h, c))
        h = h @ P.T
    result = module(torch.from_numpy(x))
    outputs = result if states else (result,)
    expected = [h, h, c] if states else [h]
    for its, mine in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(its.detach().numpy(), mine, **CLOSE)
