"""What if? Short trainings of copies, each with one thing changed, on the same batches.

A symptom tells that something is wrong; only a change tells why. Where a copy with a tenth of the
learning rate learns and the network as it is does not, the rate is the cause, whatever else there
is to see.
"""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from ranvier.diagnose.evidence import TrialFacts
from ranvier.diagnose.evidence.trials import AS_IT_IS
from ranvier.diagnose.preflight.losses import LossFunction
from ranvier.diagnose.preflight.replacing import Replacing, activations_of, as_given
from ranvier.diagnose.preflight.stepping import Stepping
from ranvier.diagnose.untouched import copied_together
from ranvier.optim import Adam

ROWS, MEASURED_ROWS, BATCH = 1024, 256, 32
MOST_UPDATES, FEWEST_UPDATES = 500, 20
SEED = 0
TIMED = 5
# Of a network of more numbers a dozen copies are no small thing any more.
MOST_PARAMETERS = 20_000_000
RATES = (0.01, 0.1, 10.0, 100.0)

Optimizer = torch.optim.Optimizer | Stepping
Change = Callable[["Setting"], None]


@dataclass
class Setting:
    """What a trial begins with; a change replaces parts of it."""

    module: nn.Module
    optimizer: Optimizer
    inputs: Tensor
    targets: Tensor
    calls: AbstractContextManager[Any]


def trial_facts(
    module: nn.Module,
    optimizer: Optimizer,
    loss: LossFunction,
    inputs: Tensor,
    targets: Tensor,
    *,
    batch_size: int | None = None,
    seconds: float = 2.0,
    updates: int | None = None,
) -> tuple[TrialFacts, ...]:
    """The loss that each trial came to, the network as it is first.

    All have one number of updates: `updates`, or as many as go into about so many seconds of the
    processor, no more than 500; what else runs on the machine must not change a verdict. None is
    made where fewer than 20 would be, or of a network above 20 million parameters.
    """
    if size_of(module) > MOST_PARAMETERS:
        return ()
    step = max(1, -(-len(inputs) // ROWS))
    rows = inputs[::step], targets[::step]
    size = min(batch_size or BATCH, len(rows[0]))
    changes = {AS_IT_IS: _nothing, **dict(_changes(module, optimizer, rows[0]))}

    def tried(change: Change, updates: int) -> tuple[float | None, float | None]:
        torch.manual_seed(SEED)
        setting = Setting(*copied_together(module, optimizer), *rows, calls=nullcontext())
        try:
            change(setting)
            return _trained(setting, loss, islice(_batches(len(rows[0]), size), updates))
        except Exception:  # somebody else's loss may refuse what a changed network gives
            return None, None

    with torch.random.fork_rng():
        if updates is None:
            an_update = _seconds_of(lambda count: tried(_nothing, count))
            updates = int(min(MOST_UPDATES, seconds / an_update / len(changes)))
        if updates < FEWEST_UPDATES:
            return ()
        losses = {name: tried(change, updates) for name, change in changes.items()}
    return tuple(
        TrialFacts(name=name, updates=updates, before=before, after=after)
        for name, (before, after) in losses.items()
    )


def _seconds_of(train: Callable[[int], object]) -> float:
    """What an update takes of the processor."""
    train(1)  # what only the first update of a process costs
    began = time.process_time()
    train(TIMED)
    return (time.process_time() - began) / TIMED


def size_of(module: nn.Module) -> int:
    """How many numbers the network has to learn."""
    return sum(parameter.numel() for parameter in module.parameters())


def _batches(rows: int, size: int) -> Iterator[Tensor]:
    """Batches in an order of their own, epoch after epoch without end."""
    generator = torch.Generator().manual_seed(SEED)
    while True:
        for batch in torch.randperm(rows, generator=generator).split(size):
            if len(batch) == size:
                yield batch


def _trained(
    setting: Setting, loss: LossFunction, batches: Iterable[Tensor]
) -> tuple[float | None, float | None]:
    """The loss on rows to measure on, before and after these updates; None where not finite."""
    module, optimizer = setting.module, setting.optimizer
    module.train()
    parameters = [each for each in module.parameters() if each.requires_grad]
    asks = _asks_for_the_loss(optimizer)
    with torch.enable_grad(), setting.calls:
        before = _measured(setting, loss)
        for batch in batches:
            inputs, targets = setting.inputs[batch], setting.targets[batch]

            def closure(inputs: Tensor = inputs, targets: Tensor = targets) -> Tensor:
                optimizer.zero_grad()
                with torch.enable_grad():
                    value = torch.as_tensor(loss(module(inputs), targets)).mean()
                # Of the copy alone: a loss may know the network itself, as one with penalties does.
                value.backward(inputs=parameters)  # type: ignore[no-untyped-call]
                return value

            if asks:
                value = torch.as_tensor(optimizer.step(closure))  # type: ignore[arg-type]
            else:
                value = closure()
                optimizer.step()  # type: ignore[call-arg]
            if not math.isfinite(float(value.detach())):
                return before, None
        return before, _measured(setting, loss)


def _asks_for_the_loss(optimizer: Optimizer) -> bool:
    """Whether a step needs a function that evaluates the loss, as those of L-BFGS do."""
    arguments = inspect.signature(optimizer.step).parameters.values()
    return any(
        each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD for each in arguments
    )


@torch.no_grad()
def _measured(setting: Setting, loss: LossFunction) -> float | None:
    """The loss per row, with batch statistics but without dropout."""
    dropouts = [m for m in setting.module.modules() if "dropout" in type(m).__name__.lower()]
    modes = [each.training for each in dropouts]
    for each in dropouts:
        each.eval()
    every = max(1, len(setting.inputs) // MEASURED_ROWS)
    inputs, targets = setting.inputs[::every], setting.targets[::every]
    value = float(torch.as_tensor(loss(setting.module(inputs), targets)).double().mean())
    for each, mode in zip(dropouts, modes, strict=True):
        each.training = mode
    return value if math.isfinite(value) else None


def _nothing(setting: Setting) -> None:
    pass


def _changes(
    module: nn.Module, optimizer: Optimizer, inputs: Tensor
) -> Iterator[tuple[str, Change]]:
    """What may be changed of this network, by name."""
    for factor in RATES:
        yield f"rate × {factor:g}", _rate(factor)
    yield "Adam", _adam
    if inputs.is_floating_point():
        yield "standardised inputs", _standardised
    if any(hasattr(each, "reset_parameters") for each in module.modules()):
        yield "fresh weights", _fresh_weights
    names, last = activations_of(module, inputs[:2])
    inside = {name for place, name in enumerate(names) if place != last}
    if {"sigmoid", "tanh"} & inside:
        yield "ReLU inside", _replacing({"sigmoid": nn.functional.relu, "tanh": nn.functional.relu})
    if "relu" in inside:
        yield "leaky ReLU inside", _replacing({"relu": nn.functional.leaky_relu})
    if last is not None:
        yield "no last activation", _without_last_activation
    is_decayed = any(group.get("weight_decay") for group in optimizer.param_groups)
    if is_decayed or any("dropout" in type(m).__name__.lower() for m in module.modules()):
        yield "no regularisation", _not_regularised


def _rate(factor: float) -> Change:
    def change(setting: Setting) -> None:
        for group in setting.optimizer.param_groups:
            group["lr"] = group["lr"] * factor

    return change


def _adam(setting: Setting) -> None:
    trained = [p for p in setting.module.parameters() if p.requires_grad]
    setting.optimizer = Stepping(Adam(), trained, learning_rate=1e-3, weight_decay=0.0)


def _standardised(setting: Setting) -> None:
    """Of a table every column by its own mean and standard deviation, of all else everything."""
    inputs = setting.inputs
    axes = (0,) if inputs.ndim == 2 else tuple(range(inputs.ndim))
    mean = inputs.mean(axes, keepdim=True)
    std = inputs.std(axes, keepdim=True, unbiased=False)
    setting.inputs = (inputs - mean) / torch.where(std > 0, std, torch.ones_like(std))


def _fresh_weights(setting: Setting) -> None:
    """Weights as torch's layers draw them."""
    for each in setting.module.modules():
        reset = getattr(each, "reset_parameters", None)
        if callable(reset):
            reset()


def _replacing(functions: dict[str, Callable[[Tensor], Tensor]]) -> Change:
    def change(setting: Setting) -> None:
        setting.calls = Replacing(setting.module, functions, setting.inputs[:2], is_last=False)

    return change


def _without_last_activation(setting: Setting) -> None:
    setting.calls = Replacing(setting.module, {}, setting.inputs[:2], is_last=True)


def _not_regularised(setting: Setting) -> None:
    for group in setting.optimizer.param_groups:
        if "weight_decay" in group:
            group["weight_decay"] = 0.0
    for each in setting.module.modules():
        if "dropout" in type(each).__name__.lower():
            each.forward = as_given
