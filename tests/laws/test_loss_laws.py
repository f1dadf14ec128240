"""One table drives the laws that every loss obeys. B is the number of samples."""

from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.fx.experimental.proxy_tensor import make_fx

from ranvier.core.errors import ShapeError
from ranvier.losses import LOSSES, PerMember, loss_from
from tests.laws.loss_members import MEMBERS, WEIGHTS, B, Member

every_loss = pytest.mark.parametrize("member", MEMBERS, ids=str)
apart = pytest.mark.parametrize("member", [m for m in MEMBERS if not m.loss.mixes_samples], ids=str)
capturable = pytest.mark.parametrize("member", [m for m in MEMBERS if m.loss.capturable], ids=str)
with_weights = pytest.mark.parametrize("weight", [None, WEIGHTS], ids=["plain", "weighted"])


def value_and_gradient(member: Member, weight=None) -> tuple[torch.Tensor, torch.Tensor]:
    prediction = member.prediction.clone().requires_grad_()
    value = member.loss(prediction, member.target, weight)
    return value.detach(), torch.autograd.grad(value, prediction)[0]


def test_every_registered_loss_is_under_the_laws():
    assert {type(member.loss) for member in MEMBERS} == {*LOSSES.values(), PerMember}


def test_every_loss_is_registered_under_its_own_kind():
    assert {kind: loss.kind for kind, loss in LOSSES.items()} == {kind: kind for kind in LOSSES}


@every_loss
def test_a_loss_goes_to_json_and_comes_back_the_same(member):
    read = loss_from(json.loads(json.dumps(member.loss.to_json())))
    assert read == member.loss
    assert hash(read) == hash(member.loss)


@every_loss
def test_each_gives_a_number_per_sample(member):
    each = member.loss.each(member.prediction, member.target)
    assert each.shape == (B,)
    assert each.dtype == member.prediction.dtype
    assert torch.isfinite(each).all()
    # A density may exceed 1, so the surprise at it may be below 0; nothing else may.
    assert member.is_density or (each >= 0).all()


@every_loss
@with_weights
def test_the_gradient_is_that_of_finite_differences(member, weight):
    prediction = member.prediction.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: member.loss(z, member.target, weight), prediction)


@apart
def test_a_weight_counts_samples(member):
    loss, prediction, target = member.loss, member.prediction, member.target
    repeats = torch.tensor([2, 0, 1, 3, 1, 0])
    by_weight = loss(prediction, target, repeats.to(prediction.dtype))
    by_repetition = loss(
        prediction.repeat_interleave(repeats, 0), target.repeat_interleave(repeats, 0)
    )
    torch.testing.assert_close(by_weight, by_repetition)


@apart
def test_a_sample_of_weight_zero_is_left_out(member):
    _, gradient = value_and_gradient(member, WEIGHTS)
    kept = WEIGHTS > 0
    rest = Member(member.loss, member.prediction[kept], member.target[kept])
    value, gradient_rest = value_and_gradient(rest, WEIGHTS[kept])
    torch.testing.assert_close(member.loss(member.prediction, member.target, WEIGHTS), value)
    torch.testing.assert_close(gradient[kept], gradient_rest)
    assert torch.count_nonzero(gradient[~kept]) == 0


@every_loss
def test_equal_weights_change_nothing(member):
    weighted, gradient = value_and_gradient(member, torch.full((B,), 7.0, dtype=torch.float64))
    plain, gradient_plain = value_and_gradient(member)
    torch.testing.assert_close(weighted, plain)
    torch.testing.assert_close(gradient, gradient_plain)


@every_loss
def test_weights_of_zero_give_a_loss_and_a_gradient_of_zero(member):
    value, gradient = value_and_gradient(member, torch.zeros(B, dtype=torch.float64))
    assert value.item() == 0.0
    assert torch.count_nonzero(gradient) == 0
    assert torch.isfinite(gradient).all()


@every_loss
@with_weights
def test_the_order_of_the_samples_does_not_matter(member, weight):
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    turned = Member(member.loss, member.prediction[order], member.target[order])
    each = member.loss.each(member.prediction, member.target)
    torch.testing.assert_close(turned.loss.each(turned.prediction, turned.target), each[order])
    value, gradient = value_and_gradient(member, weight)
    value_turned, gradient_turned = value_and_gradient(
        turned, None if weight is None else weight[order]
    )
    torch.testing.assert_close(value_turned, value)
    torch.testing.assert_close(gradient_turned, gradient[order])


@apart
def test_a_sample_has_the_same_loss_in_any_batch(member):
    loss, prediction, target = member.loss, member.prediction, member.target
    each = loss.each(prediction, target)
    for i in range(B):
        alone = loss.each(prediction[i : i + 1], target[i : i + 1])
        torch.testing.assert_close(alone, each[i : i + 1])


@every_loss
def test_only_a_loss_that_says_so_mixes_samples(member):
    _, target = member.prediction, member.target
    prediction = member.prediction.clone().requires_grad_()
    each = member.loss.each(prediction, target)
    gradients = [torch.autograd.grad(one, prediction, retain_graph=True)[0] for one in each]
    elsewhere = [
        torch.count_nonzero(gradient[torch.arange(B) != i]).item()
        for i, gradient in enumerate(gradients)
    ]
    assert any(elsewhere) is member.loss.mixes_samples


@apart
def test_one_sample_is_a_batch(member):
    one = member.loss(member.prediction[:1], member.target[:1])
    torch.testing.assert_close(one, member.loss.each(member.prediction, member.target)[0])


@every_loss
def test_one_sample_alone_has_a_finite_loss_and_gradient(member):
    one = Member(member.loss, member.prediction[:1], member.target[:1])
    for number in value_and_gradient(one):
        assert torch.isfinite(number).all()


@every_loss
def test_a_step_down_the_gradient_lessens_the_loss(member):
    value, gradient = value_and_gradient(member, WEIGHTS)
    after = member.loss(member.prediction - 1e-3 * gradient, member.target, WEIGHTS)
    assert after < value


@every_loss
def test_a_hundred_steps_lessen_the_loss_to_less_than_ten_do(member):
    prediction = member.prediction.clone().requires_grad_()
    optimizer = torch.optim.Adam([prediction], lr=0.01)
    losses = []
    for _ in range(101):
        optimizer.zero_grad()
        losses.append(member.loss(prediction, member.target, WEIGHTS))
        losses[-1].backward()
        optimizer.step()
    assert losses[100] < losses[10] < losses[0]


@every_loss
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_is_computed_as_float32(member, dtype):
    half = member.prediction.to(dtype)
    value = member.loss(half, member.target, WEIGHTS.float())
    assert value.dtype == torch.float32
    assert torch.equal(value, member.loss(half.float(), member.target, WEIGHTS.float()))


@every_loss
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("size", [1e4, -1e4, 0.0])
def test_outputs_of_any_size_give_a_finite_loss_and_gradient(member, size, dtype):
    shape = member.prediction.shape
    signs = torch.where(torch.arange(member.prediction.numel()).reshape(shape) % 3 == 0, -1.0, 1.0)
    for prediction in (torch.full(shape, size, dtype=dtype), (size * signs).to(dtype)):
        edge = Member(member.loss, prediction, member.target)
        for number in value_and_gradient(edge, WEIGHTS.to(dtype)):
            assert torch.isfinite(number).all()


@every_loss
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32), size=st.floats(1e-6, 1e4))
def test_outputs_of_mixed_sizes_give_a_finite_loss_and_gradient(member, seed, size):
    generator = torch.Generator().manual_seed(seed)
    # Signs and magnitudes from next to nothing to 10,000, all within one sample.
    prediction = (2 * torch.rand(member.prediction.shape, generator=generator) - 1) ** 5 * size
    weight = torch.rand(B, generator=generator).round(decimals=1)
    for number in value_and_gradient(Member(member.loss, prediction, member.target), weight):
        assert torch.isfinite(number).all()


@every_loss
def test_nothing_is_broadcast(member):
    loss, prediction, target = member.loss, member.prediction, member.target
    kinds = f"({loss.kind}|{getattr(loss, 'loss', loss).kind})"
    for other in (prediction[..., None, None], prediction[:1]):
        with pytest.raises(ShapeError, match=rf"^{kinds}: got a prediction of shape .*; expected"):
            loss(other, target)
    with pytest.raises(ShapeError, match=r"expected \[B\] = \(6,\)\. Give one weight per sample"):
        loss(prediction, target, WEIGHTS[:, None])
    with pytest.raises(ShapeError, match="Give one weight per sample"):
        loss(prediction, target, WEIGHTS[:1])


class Objective(torch.nn.Module):
    """A loss as a module, which is what torch.export takes."""

    def __init__(self, loss):
        super().__init__()
        self.loss = loss

    def forward(self, prediction, target, weight):
        return self.loss(prediction, target, weight)


@capturable
def test_a_loss_is_exported_for_batches_of_any_size(member):
    rows = torch.export.Dim("B", min=2, max=64)
    given = (member.prediction, member.target, WEIGHTS)
    exported = torch.export.export(
        Objective(member.loss), given, dynamic_shapes=({0: rows}, {0: rows}, {0: rows})
    ).module()
    for size in (B, 4):
        some = [tensor[:size] for tensor in given]
        assert torch.equal(exported(*some), member.loss(*some))


@pytest.mark.parametrize("mode", ["real", "fake"])
@capturable
def test_a_loss_and_its_gradient_can_be_captured(member, mode):
    loss = member.loss

    def step(prediction, target, weight):
        prediction = prediction.detach().requires_grad_()
        value = loss(prediction, target, weight)
        return value.detach(), torch.autograd.grad(value, prediction)[0]

    prediction, target = member.prediction, member.target
    captured = make_fx(step, tracing_mode=mode)(prediction, target, WEIGHTS)
    # Other numbers than those it was traced with, zero weights among them.
    for inputs in [(-prediction, target, 2 + WEIGHTS), (prediction, target, 0 * WEIGHTS)]:
        for replayed, eager in zip(captured(*inputs), step(*inputs), strict=True):
            assert torch.equal(replayed, eager)
