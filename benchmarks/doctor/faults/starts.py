"""How weights start (rows 2 to 5, 22, 23, 30)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from benchmarks.doctor.faults.fault import fault, first_rows, has_any, is_table, outputs
from benchmarks.doctor.program import Program
from benchmarks.doctor.programs.networks import dense

WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d)


def started(program: Program, change: Callable[[Tensor], object]) -> Program | None:
    """The program with every weight of at least two axes changed before training.

    None of a network of one layer, which may start as it likes.
    """
    if len([p for p in program.model().parameters() if p.ndim > 1]) < 2:
        return None

    def adjust(model: nn.Module) -> None:
        program.adjust(model)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.ndim > 1:
                    change(parameter)

    return replace(program, adjust=adjust)


@fault(22, "initialisation")
def weights_all_zero(program: Program) -> Program | None:
    return started(program, lambda w: w.zero_())


@fault(22, "initialisation")
def weights_all_equal(program: Program) -> Program | None:
    return started(program, lambda w: w.fill_(0.05))


@fault(23, "initialisation")
def weights_a_hundred_times_as_large(program: Program) -> Program | None:
    return started(program, lambda w: w.mul_(100))


@fault(23, "initialisation")
def weights_of_standard_deviation_three(program: Program) -> Program | None:
    return started(program, lambda w: w.normal_(0, 3))


@fault(23, "initialisation")
def weights_a_thousandth(program: Program) -> Program | None:
    return started(program, lambda w: w.mul_(1e-3))


@fault(23, "initialisation")
def weights_from_0_to_1(program: Program) -> Program | None:
    return started(program, lambda w: w.uniform_(0, 1))


def _deep(
    program: Program, layers: int, activation: type[nn.Module], start: Callable[[Tensor], object]
) -> Program | None:
    """The program with so many hidden layers of 24 units instead of its own network."""
    if program.family != "dense" or not is_table(program) or program.batch_size > 100:
        return None
    features, count = first_rows(program).inputs.shape[1], outputs(program)
    end = nn.Sigmoid if program.task == "probability" else None

    def model() -> nn.Module:
        made = dense(features, *(24,) * layers, count, activation=activation, end=end)
        with torch.no_grad():
            for parameter in made.parameters():
                if parameter.ndim > 1:
                    start(parameter)
        return made

    return replace(program, model=model)


@fault(2, "initialisation")
def fifteen_layers_of_weights_of_one(program: Program) -> Program | None:
    return _deep(program, 15, nn.ReLU, lambda w: w.normal_(0, 1))


@fault(2, "initialisation", "architecture", "activation", "learning_rate")
def recurrent_weights_that_double_the_state(program: Program) -> Program | None:
    """A recurrent layer of ReLU whose state grows at every place."""
    if not has_any(program, nn.RNNBase):
        return None

    def model() -> nn.Module:
        made = program.model()
        for parent in list(made.modules()):
            for name, child in list(parent.named_children()):
                if isinstance(child, nn.RNNBase):
                    setattr(parent, name, _doubling(child))
        return made

    return replace(program, model=model, clip=None)


def _doubling(old: nn.RNNBase) -> nn.RNN:
    new = nn.RNN(
        old.input_size, old.hidden_size, old.num_layers, nonlinearity="relu",
        batch_first=old.batch_first, bidirectional=old.bidirectional,
    )  # fmt: skip
    with torch.no_grad():
        for name, weight in new.named_parameters():
            if name.startswith("weight_hh"):
                weight.copy_(2 * torch.eye(len(weight)))
    return new


@fault(3, "activation", "architecture", "initialisation")
def twelve_layers_of_sigmoid(program: Program) -> Program | None:
    return _deep(program, 12, nn.Sigmoid, lambda w: None)


@fault(3, "initialisation", "activation", "architecture")
def twenty_layers_of_tanh_that_start_small(program: Program) -> Program | None:
    return _deep(program, 20, nn.Tanh, lambda w: w.normal_(0, 0.3 / math.sqrt(w.shape[1])))


@fault(4, "initialisation", "activation")
def biases_that_kill_units(program: Program) -> Program | None:
    """Biases of −10 before ReLU: no unit ever speaks."""
    if program.family not in ("dense", "convolutional"):
        return None
    has_relu = has_any(program, nn.ReLU) or type(program.model()).__name__ == "Pictures"

    def adjust(model: nn.Module) -> None:
        layers = [m for m in model.modules() if isinstance(m, WEIGHTED) and m.bias is not None]
        with torch.no_grad():
            for layer in layers[:-1]:
                layer.bias.fill_(-10.0)  # type: ignore[union-attr]

    return replace(program, adjust=adjust) if has_relu else None


@fault(5, "initialisation", "activation")
def bounded_units_that_start_at_their_ends(program: Program) -> Program | None:
    """Tanh and sigmoid units with weights thirty times as large."""
    is_bounded = has_any(program, nn.Tanh, nn.RNNBase) or "sigmoid" in program.name
    return started(program, lambda w: w.mul_(30)) if is_bounded else None


@fault(30, "initialisation")
def head_that_starts_sure_of_one_answer(program: Program) -> Program | None:
    """The head's bias is 50 for one answer."""
    if program.is_number:
        return None

    def adjust(model: nn.Module) -> None:
        program.adjust(model)
        heads = [module for module in model.modules() if isinstance(module, nn.Linear)]
        with torch.no_grad():
            heads[-1].bias[0] = 50.0

    return replace(program, adjust=adjust)
