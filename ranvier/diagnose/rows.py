"""The rows that a loop is trained on, in whatever form its writer has them at hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, default_collate

from ranvier.core.errors import ConfigError
from ranvier.diagnose.preflight.calls import first_tensor
from ranvier.diagnose.preflight.losses import broadcasts, said
from ranvier.diagnose.untouched import unheard, untouched

# Of a data set that makes its rows one by one so many are drawn, in at most so many seconds.
MOST_DRAWN = 2048
SECONDS = 2.0
TRIED_ON = 16

WANTED = (
    "expected a pair (inputs, targets) of tensors or arrays, or a Dataset or DataLoader of such "
    "pairs"
)
REMEDY = "Give the rows that the loop takes its batches from, or leave it out."


Change = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Rows:
    """Inputs and targets, and how many there are where only some of them were drawn."""

    inputs: Tensor
    targets: Tensor
    total: int

    @property
    def pair(self) -> tuple[Tensor, Tensor]:
        return self.inputs, self.targets

    def spaced(self, *, most: int, numbers: int) -> Rows:
        """Rows at even distances, no more than `most`, nor than hold so many numbers."""
        per_row = max(1, self.inputs[:1].numel())
        most = max(TRIED_ON, min(most, numbers // per_row))
        step = max(1, -(-len(self.inputs) // most))
        return replace(self, inputs=self.inputs[::step], targets=self.targets[::step])


def rows_of(name: str, given: Any) -> Rows | None:
    """The rows of a pair of tensors, arrays or lists, or of a data set; None of None.

    Raises:
        ConfigError: it is something else, or inputs and targets are not equally many.
    """
    if given is None:
        return None
    if isinstance(given, DataLoader):
        given = given.dataset
    if isinstance(given, Dataset):
        return _drawn(name, given)
    if not isinstance(given, tuple | list) or len(given) != 2:
        count = f" of {len(given)}" if isinstance(given, tuple | list) else ""
        raise ConfigError(f"rv.Recorder: {name} is {_kind(given)}{count}; {WANTED}. {REMEDY}")
    inputs, targets = _tensor(name, "inputs", given[0]), _tensor(name, "targets", given[1])
    if len(inputs) != len(targets):
        raise ConfigError(
            f"rv.Recorder: {name} has {len(inputs)} rows of inputs and {len(targets)} targets; "
            "expected as many of each."
        )
    return Rows(inputs, targets, len(inputs))


def _kind(value: Any) -> str:
    kind = type(value)
    return f"a {kind.__name__}"


def _tensor(name: str, part: str, value: Any) -> Tensor:
    where = f"rv.Recorder: the {part} of {name}"
    if hasattr(value, "to_numpy"):  # a table or a column of one
        value = value.to_numpy()
    try:
        tensor = torch.as_tensor(value).detach()
    except (TypeError, ValueError, RuntimeError) as error:
        shape = f" of {value.dtype}" if isinstance(value, np.ndarray) else ""
        raise ConfigError(
            f"{where} are {_kind(value)}{shape} that makes no tensor ({said(error)}); "
            "expected numbers, one row along axis 0. Of a network with several inputs leave "
            f"{name} out."
        ) from None
    if tensor.ndim == 0 or len(tensor) == 0:
        raise ConfigError(f"{where} hold no rows: shape {tuple(tensor.shape)}. {REMEDY}")
    return tensor


def _drawn(name: str, dataset: Dataset[Any]) -> Rows:
    """Evenly spaced rows of a data set, without moving the random numbers of anybody."""
    if isinstance(dataset, IterableDataset) or not hasattr(dataset, "__len__"):
        raise ConfigError(
            f"rv.Recorder: {name} is {_kind(dataset)} that can only be read from its start;"
            f" {WANTED} whose rows can be asked for by number. Give some rows as a pair of tensors."
        )
    total = len(dataset)
    step = max(1, -(-total // MOST_DRAWN))
    until = time.perf_counter() + SECONDS
    rows: list[Any] = []
    try:
        with unheard():
            # The order is such that a stop by the clock leaves rows of all parts.
            for start in range(8):
                for place in range(start * step, total, 8 * step):
                    if time.perf_counter() < until or len(rows) < TRIED_ON:
                        rows.append(dataset[place])
        inputs, targets = default_collate(rows)
    except Exception as error:  # somebody else's data set: anything may come
        raise ConfigError(
            f"rv.Recorder: {name} is {_kind(dataset)} whose rows make no pairs of tensors "
            f"({said(error)}); {WANTED}. {REMEDY}"
        ) from None
    return replace(rows_of(name, (inputs, targets)) or _never(), total=total)


def _never() -> Rows:
    raise AssertionError("rows were given")


@dataclass(frozen=True)
class Fit:
    """How rows go into a network and its loss: as they are, or changed as loops do on the way.

    `error` is what the loss said about targets and outputs as they are, `broadcasts` whether it
    compared every one with every other; `note` tells what was changed.
    """

    inputs: Change = lambda x: x
    targets: Change = lambda y: y
    loss: Callable[..., Tensor] | None = None
    error: str | None = None
    note: str | None = None
    broadcasts: bool = False

    def applying(self, activation: str) -> Fit:
        """As this, with an activation between network and loss."""
        loss, function = self.loss, getattr(torch, activation)
        axis = {"dim": 1} if "softmax" in activation else {}
        if loss is None:
            return self
        return replace(
            self, loss=lambda outputs, y: loss(function(first_tensor(outputs), **axis), y)
        )

    def of(self, rows: Rows) -> Rows:
        """The rows as network and loss take them."""
        return replace(rows, inputs=self.inputs(rows.inputs), targets=self.targets(rows.targets))


def fitted(module: nn.Module, loss: Callable[..., Tensor] | None, rows: Rows) -> Fit:
    """The least change with which the network takes the rows, and the loss its answers.

    Loops cast, reshape and move batches on their way in, and pick one of several outputs; what is
    measured has to do as they do. Where nothing helps, rows stay as they are.
    """
    spaced = rows.spaced(most=TRIED_ON, numbers=rows.inputs.numel())
    few = spaced.inputs
    notes: list[str] = []
    change: Change = _as_it_is
    for name, candidate in _input_changes(module, few):
        try:
            with untouched(module), torch.no_grad():
                outputs = module(candidate(few))
        except Exception as error:  # somebody else's network: anything may come
            notes = notes or [f"inputs: {said(error)}"]
            continue
        change = candidate
        notes = [f"inputs are measured {name}"] if name else []
        break
    else:
        return Fit(_as_it_is, _as_it_is, loss, note=notes[0])
    fit = Fit(change, _as_it_is, loss, note=notes[0] if notes else None)
    return fit if loss is None else _with_loss(fit, loss, outputs, spaced.targets)


def _with_loss(fit: Fit, loss: Callable[..., Tensor], outputs: Any, targets: Tensor) -> Fit:
    first: str | None = None
    for picks, name, change in _target_changes(outputs, targets):
        called = _picking(loss) if picks else loss
        try:
            with torch.no_grad():
                value = called(outputs, change(targets))
            float(torch.as_tensor(value).double().mean())
        except Exception as error:  # somebody else's loss: anything may come
            first = first or said(error)
            continue
        answer, wanted = first_tensor(outputs), change(targets)
        pairs = answer is not None and bool(broadcasts(called, answer, wanted))
        if pairs and answer is not None:
            # Most loops that hold such targets bring both into one shape on the way.
            change, name = _reshaping(answer), "in the outputs' shape"
        note = "; ".join(
            each for each in (fit.note, name and f"targets are measured {name}") if each
        )
        return replace(
            fit, targets=change, loss=called, error=first, note=note or None, broadcasts=pairs
        )
    return replace(fit, error=first)


def _as_it_is(tensor: Tensor) -> Tensor:
    return tensor


def _picking(loss: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The loss of the first tensor of what the network gives."""

    def of_the_first(outputs: Any, targets: Tensor) -> Tensor:
        return loss(first_tensor(outputs), targets)

    of_the_first.__name__ = str(getattr(loss, "__name__", type(loss).__name__))
    return of_the_first


def _place(module: nn.Module) -> tuple[torch.device, torch.dtype]:
    """Where the network lies, and the kind of its numbers."""
    parameters = [p for p in module.parameters() if p.is_floating_point()]
    if not parameters:
        return torch.device("cpu"), torch.get_default_dtype()
    return parameters[0].device, parameters[0].dtype


def _input_changes(module: nn.Module, few: Tensor) -> Iterator[tuple[str, Change]]:
    """What loops do to inputs, the least first."""
    device, dtype = _place(module)
    if few.is_floating_point() or few.is_complex():
        wanted = dtype if few.is_floating_point() else few.dtype
        yield "", lambda x: x.to(device, wanted)
    else:
        yield "", lambda x: x.to(device)
        yield f"as {dtype}", lambda x: x.to(device, dtype)
    cast = few.is_floating_point() or not _looks_up(module)
    kind = dtype if cast else few.dtype
    if few.ndim > 2:
        yield "flattened", lambda x: x.to(device, kind).flatten(1)
    yield "with one channel", lambda x: x.to(device, kind).unsqueeze(1)
    yield "with one feature", lambda x: x.to(device, kind).unsqueeze(-1)
    if few.ndim == 4:
        yield "with channels first", lambda x: x.to(device, kind).movedim(-1, 1)


def _looks_up(module: nn.Module) -> bool:
    return any(isinstance(each, nn.Embedding | nn.EmbeddingBag) for each in module.modules())


def _reshaping(answer: Tensor) -> Change:
    return lambda y: y.to(answer.device, answer.dtype).reshape(-1, *answer.shape[1:])


def _target_changes(outputs: Any, targets: Tensor) -> Iterator[tuple[bool, str, Change]]:
    """Whether to pick one of several outputs, and what loops do to targets, the least first."""
    answer = first_tensor(outputs)
    device = targets.device if answer is None else answer.device
    dtype = torch.get_default_dtype() if answer is None else answer.dtype
    for picks in (False,) if answer is outputs else (False, True):
        if targets.is_floating_point():
            yield picks, "", lambda y: y.to(device, dtype)
            yield picks, "as whole numbers", lambda y: y.to(device).long()
        else:
            yield picks, "", lambda y: y.to(device)
            yield picks, "as whole numbers", lambda y: y.to(device).long()
            yield picks, f"as {dtype}", lambda y: y.to(device, dtype)
        if answer is not None and targets.numel() == answer.numel():
            yield picks, "in the outputs' shape", _reshaping(answer)
        if targets.ndim == 2 and targets.shape[1] == 1:
            yield picks, "as one column of classes", lambda y: y.to(device).long().squeeze(1)
