"""The network: activations, rows that see each other, inputs ignored (rows 3, 39, 42, 48, 51)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.doctor.faults.fault import (
    fault,
    first_rows,
    has_any,
    is_table,
    outputs,
    swapped,
    with_head,
    with_model,
    with_rows,
)
from benchmarks.doctor.program import Program
from benchmarks.doctor.programs.networks import EveryPlace

ACTIVATIONS = (nn.ReLU, nn.LeakyReLU, nn.Tanh, nn.GELU, nn.ELU, nn.SiLU)


class Root(nn.Module):
    """√x of what may be negative."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.sqrt(x)


@fault(1, "activation", "architecture")
def root_of_what_may_be_negative(program: Program) -> Program | None:
    return swapped(program, (nn.ReLU, nn.GELU, nn.Tanh), lambda _: Root())


@fault(3, "activation", "architecture")
def sigmoid_everywhere(program: Program) -> Program | None:
    return swapped(program, ACTIVATIONS, lambda _: nn.Sigmoid())


@fault(3, "architecture", "activation", "preprocessing")
def sixty_empty_places_after_the_signal(program: Program) -> Program | None:
    """Series padded at the end: what matters is many places away from the answer."""
    inputs = first_rows(program).inputs
    if not has_any(program, nn.RNNBase) or inputs.ndim != 3 or not inputs.is_floating_point():
        return None

    def longer(x: Tensor) -> Tensor:
        return torch.cat([x, torch.zeros(len(x), 60, x.shape[2])], 1)

    return with_rows(
        program,
        lambda found, seed: replace(
            found, inputs=longer(found.inputs), held_out=longer(found.held_out)
        ),
    )


def _has_hidden(program: Program) -> bool:
    return program.family in ("dense", "convolutional") and has_any(program, *ACTIVATIONS)


@fault(48, "activation", "architecture", is_structural=True)
def no_activation_at_all(program: Program) -> Program | None:
    if not _has_hidden(program):
        return None
    return swapped(program, ACTIVATIONS, lambda _: nn.Identity())


@fault(48, "activation", "architecture", is_structural=True)
def sigmoid_after_every_activation(program: Program) -> Program | None:
    if not _has_hidden(program):
        return None
    return swapped(program, ACTIVATIONS, lambda old: nn.Sequential(old, nn.Sigmoid()))


@fault(48, "activation", "architecture")
def softmax_in_hidden_layers(program: Program) -> Program | None:
    if not _has_hidden(program):
        return None
    return swapped(program, ACTIVATIONS, lambda _: nn.Softmax(1))


# Rows that see each other.


class Round(nn.Module):
    """A module round the network; subclasses say what goes wrong on the way in or out."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner


class Mixed(Round):
    """Half of the mean over the batch is added to every row."""

    def forward(self, x: Tensor) -> Any:
        y = self.inner(x)
        return y + 0.5 * y.mean(0, keepdim=True)


class Centered(Round):
    """Outputs are normalised by the batch that they come in, in evaluation as well."""

    def forward(self, x: Tensor) -> Any:
        y = self.inner(x)
        return (y - y.mean(0)) / (y.std(0, unbiased=False) + 1e-3)


class Transposed(Round):
    """Transposed, and then reshaped back instead of transposed back."""

    def forward(self, x: Tensor) -> Any:
        y = self.inner(x)
        return y.T.reshape(y.shape)


@fault(39, "architecture", is_structural=True)
def mean_of_the_batch_added(program: Program) -> Program | None:
    # It would be no probability any more.
    return None if program.task == "probability" else with_model(program, Mixed)


@fault(39, "architecture", is_structural=True)
def normalised_over_the_batch(program: Program) -> Program | None:
    if program.task == "probability" or len(first_rows(program).inputs) <= 4:
        return None
    return with_model(program, Centered)


@fault(39, "architecture", is_structural=True)
def reshaped_instead_of_transposed(program: Program) -> Program | None:
    is_flat = first_rows(program).inputs[:1].ndim == 2 or program.family != "recurrent"
    if not is_flat or outputs(program) < 2 or "chain" in program.name:
        return None
    return with_model(program, Transposed)


@fault(39, "architecture", "activation", is_structural=True)
def softmax_over_the_batch(program: Program) -> Program | None:
    if program.task != "classes" or "chain" in program.name:
        return None
    return replace(
        with_model(program, lambda model: nn.Sequential(model, nn.LogSoftmax(0))),
        loss=nn.NLLLoss(),
    )


@fault(39, "architecture", is_structural=True)
def batch_first_forgotten(program: Program) -> Program | None:
    """A recurrent layer, or attention, takes the rows of a batch for places."""
    kinds = (nn.RNNBase, nn.MultiheadAttention)
    if not has_any(program, *kinds):
        return None

    def change(model: nn.Module) -> nn.Module:
        for module in model.modules():
            if isinstance(module, kinds):
                module.batch_first = False
        return model

    is_masked = "chain-transformer" in program.name
    return None if is_masked else with_model(program, change)


# What does not reach the network, or does not fit into it.


class Blind(Round):
    """The input counts for nothing."""

    def forward(self, x: Tensor) -> Any:
        return self.inner(x * 0)


class Elsewhere(Round):
    """The network looks at noise."""

    def forward(self, x: Tensor) -> Any:
        return self.inner(torch.randn_like(x))


class Stuck(Round):
    """Every row is taken for the first one of its batch."""

    def forward(self, x: Tensor) -> Any:
        return self.inner(x[:1].expand_as(x))


@fault(51, "architecture", is_structural=True)
def input_multiplied_by_zero(program: Program) -> Program:
    return with_model(program, Blind)


@fault(51, "architecture", "data", is_structural=True)
def input_replaced_by_noise(program: Program) -> Program | None:
    if not first_rows(program).inputs.is_floating_point():
        return None
    return with_model(program, Elsewhere)


@fault(51, "architecture", "data", is_structural=True)
def the_first_row_for_all(program: Program) -> Program:
    return with_model(program, Stuck)


@fault(42, "architecture")
def everything_through_one_unit(program: Program) -> Program | None:
    count = outputs(program)
    if count < 3 or isinstance(program.model(), EveryPlace):
        return None
    return with_head(
        program,
        lambda head: nn.Sequential(
            nn.Linear(head.in_features, 1), nn.Tanh(), nn.Linear(1, head.out_features)
        ),
    )


@fault(42, "architecture")
def one_hidden_unit(program: Program) -> Program | None:
    if program.family != "dense" or not is_table(program) or program.task == "probability":
        return None
    features, count = first_rows(program).inputs.shape[1], outputs(program)
    return replace(
        program,
        model=lambda: nn.Sequential(nn.Linear(features, 1), nn.Tanh(), nn.Linear(1, count)),
    )
