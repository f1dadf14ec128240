"""Weights from elsewhere."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from ranvier.core.errors import NetworkError
from ranvier.nn import build
from ranvier.nn.weights import Reshaped, Split, Transposed, load_weights
from ranvier.spec import BatchNorm, Dense, Network, Repeat


def two() -> nn.Module:
    return build(Network(Dense(3, name="first"), Dense(2, name="second")), 4)


def random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_weights_of_the_same_names_fill_a_module_from_a_file(tmp_path):
    module, other = (
        two(),
        build(Network(Dense(3, name="first"), Dense(2, name="second")), 4, seed=1),
    )
    save_file(other.state_dict(), tmp_path / "w.safetensors")
    report = load_weights(module, tmp_path / "w.safetensors")
    assert sorted(ours for _, ours in report.used) == sorted(module.state_dict())
    assert all(map(torch.equal, module.state_dict().values(), other.state_dict().values()))


def test_a_word_in_braces_stands_for_one_part_of_a_name():
    module = build(Network(Repeat(Dense(3, name="map"), times=2)), 3)
    theirs = {
        f"h.{i}.fc.{what}": random(*shape)
        for i in (0, 1)
        for what, shape in (("weight", (3, 3)), ("bias", (3,)))
    }
    load_weights(module, theirs, names={"h.{i}.fc.{what}": "repeat_0.{i}.map.{what}"})
    assert torch.equal(module.state_dict()["repeat_0.1.map.bias"], theirs["h.1.fc.bias"])


def test_one_tensor_may_be_cut_transposed_or_reshaped_into_ours():
    module = two()
    fused, kernel = random(2 + 3), random(4, 3)
    theirs = {"b": fused, "w1": kernel, "w2": random(2, 3, 1)}
    load_weights(
        module,
        theirs,
        names={
            "b": Split("second.bias", "first.bias"),
            "w1": Transposed("first.weight"),
            "w2": Reshaped("second.weight"),
        },
    )
    assert torch.equal(module.second.bias, fused[:2])
    assert torch.equal(module.first.weight, kernel.T)
    assert torch.equal(module.second.weight, theirs["w2"].squeeze(-1))


def test_all_that_does_not_fit_is_reported_at_once_and_nothing_is_filled():
    module = two()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    theirs = {"first.weight": random(4, 3), "first.bias": random(3), "secnd.weight": random(2, 3)}
    with pytest.raises(NetworkError) as caught:
        load_weights(module, theirs, names={"layer.{i}": "x", "secnd.{what}": "secondd.{what}"})
    assert str(caught.value) == (
        "secnd.weight -> secondd.weight: the module has no 'secondd.weight'. Did you mean "
        "'second.weight'?\n"
        "names: nothing there is called 'layer.{i}'.\n"
        "first.weight: got first.weight of shape (4, 3); expected (3, 4).\n"
        "second.weight: nothing fills it.\n"
        "second.bias: nothing fills it.\n"
        "Not used of theirs: secnd.weight. Say in `names` what their names are here, or give "
        "strict=False to fill what fits."
    )
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_what_fits_is_filled_where_that_is_asked_for_and_the_rest_is_listed():
    module = two()
    theirs = {"first.weight": random(3, 4), "second.weight": random(3, 2), "step": random(1)}
    report = load_weights(module, theirs, strict=False)
    assert torch.equal(module.first.weight, theirs["first.weight"])
    assert report.mismatched == (("second.weight", (3, 2), "second.weight", (2, 3)),)
    assert report.unused == ("step",)
    assert report.unfilled == ("first.bias", "second.bias")
    assert "  mismatched  second.weight (3, 2) -> second.weight (2, 3)" in str(report)


def test_two_tensors_for_one_name_are_refused():
    theirs = {"a": random(3), "b": random(3)}
    with pytest.raises(NetworkError, match="first.bias: more than one of their tensors would fill"):
        load_weights(two(), theirs, names={"{any}": "first.bias"})


def test_a_tensor_that_is_left_out_on_purpose_is_no_fault():
    module = two()
    theirs = {name: value.clone() for name, value in module.state_dict().items()}
    report = load_weights(module, {**theirs, "head.weight": random(5)}, names={"head.{what}": None})
    assert report.unused == ("head.weight",)


def test_running_statistics_are_filled_and_half_precision_is_widened():
    module, theirs = (
        build(Network(BatchNorm(name="bn")), 3),
        {
            "bn.weight": random(3).half(),
            "bn.bias": random(3).half(),
            "bn.running_mean": random(3),
            "bn.running_var": random(3).abs(),
        },
    )
    report = load_weights(module, theirs)
    assert report.unfilled == ("bn.num_batches_tracked",)
    assert module.bn.weight.dtype == torch.float32
    assert torch.equal(module.bn.running_mean, theirs["bn.running_mean"])


def test_a_pickled_or_missing_file_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "w.pt").write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(NetworkError, match="w.pt: no weights can be read .* weights_only=True"):
        load_weights(two(), tmp_path / "w.pt")
    with pytest.raises(NetworkError, match="Give a .safetensors file or a state dict"):
        load_weights(two(), tmp_path / "none.safetensors")
