"""Many models that are trained as one program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ranvier.core.errors import ConfigError, DamagedError
from ranvier.step.capture import CaptureError, Signature, Signer, capture
from ranvier.step.choice.candidates import SMALL
from ranvier.step.choice.operations import multiply_adds
from ranvier.step.executors.base import Remark
from ranvier.step.native import NativeUnsupported
from ranvier.step.objective import Batch
from ranvier.step.population.check import Step, same_bits, within_rounding
from ranvier.step.population.combined import Combined, Recipe, recipe
from ranvier.step.population.listening import Heard, Listener
from ranvier.step.population.member import Member
from ranvier.step.population.native import NativeMembers
from ranvier.step.population.storage import alike, apart, parameter_of, stacked
from ranvier.step.population.streams import Streams
from ranvier.step.program import Scalars
from ranvier.step.state import State

Rates = float | Sequence[float] | Tensor


class _Form(NamedTuple):
    """What a combined update holds for."""

    batch: Signature
    has_own_rows: bool
    has_own_rates: bool


class Population:
    """N models that differ in weights, random numbers, rows, or any number that a setting is.

    Each is what it would be alone in eager mode, within rounding; with `is_exact`, bit for bit, at
    a third of the speed or less. Small ones that draw no random numbers go through `run_rows` in
    the native library, one after another on each thread; all others as one program. The members'
    states and modules are views of the tensors of all: they always hold the latest numbers, and
    predict and are saved as those of any model.

    The first step with a batch of a new form is taken by each member alone, too. If the combined
    one is not the same, or cannot be made, members are trained one after another from then on, and
    `remarks` says why.

    Shapes: N members, B rows, P parameters.
    """

    def __init__(
        self,
        members: Sequence[Member],
        *,
        is_exact: bool = False,
        device: torch.device | None = None,
    ) -> None:
        if not members:
            raise ConfigError("a population of no members came; expected at least one.")
        modules = [member.program.module for member in members]
        if len({id(module) for module in modules}) < len(modules):
            raise ConfigError("two members have the same module. Give each one of its own.")
        self.members = tuple(members)
        self.is_exact = is_exact
        self.device = device or torch.device("cpu")
        self.step = 0
        self.remarks: list[Remark] = []
        self._own = [member.program.first_state(self.device) for member in members]
        if any(group.thaws_after for state in self._own for group in state.groups):
            raise ConfigError(
                "a population moves all its layers from the first update on; got members with "
                "thaws_after in their parameter groups. Train such members by themselves."
            )
        self._streams = Streams([member.seed for member in members], self.device)
        # What the update of a form is made of; None where members are trained one after another.
        self._recipes: dict[_Form, Recipe | None] = {}
        self._settle(alike(self._own))

    def _settle(self, states: list[State]) -> None:
        self._states = states
        self._tensors = stacked(states)
        self._flat = list(self._tensors.values())
        self._signer = Signer(self.members[0].program.module, states[0])
        self._updates: dict[_Form, Combined] = {}
        # None where members cannot be trained natively.
        self._natives: dict[_Form, NativeMembers | None] = {}

    def __len__(self) -> int:
        return len(self.members)

    def run(
        self, batch: Batch, learning_rates: Rates | None = None, *, own_rows: bool = False
    ) -> Scalars:
        """One update of all: losses `[N]`, gradient norms `[N, P]`.

        All learn from the batch `[B, …]`; with `own_rows`, each from its own of `[N, B, …]`. The
        learning rates are the members' own unless others come, one for all or one for each.

        Raises:
            ConfigError: for learning rates or rows that are not one for each member.
        """
        rates = self._rates(learning_rates)
        self._check_rows(batch, own_rows)
        rows = _rows_of(0, batch) if own_rows else batch
        form = _Form(self._signer(rows), own_rows, rates.ndim > 0)
        if form not in self._recipes:
            return self._first(form, batch, rates)
        made_of = self._recipes[form]
        if made_of is None:
            return self._one_by_one(form, batch, rates)
        if form not in self._updates:
            self._updates[form] = made_of.made(self._given(batch, rates), len(self))
        return self._together(self._updates[form], batch, rates)

    def run_rows(
        self, rows: Batch, order: Sequence[Tensor], learning_rates: Sequence[Rates] | None = None
    ) -> Scalars:
        """An update on the rows of each index in `order`: losses `[S, N]`, norms `[S, N, P]`.

        An index of S is `[B]`, for all members, or `[N, B]`, such as of folds.
        """
        parts = []
        for first, last in _alike(order):
            rates = None if learning_rates is None else learning_rates[first:last]
            parts.append(self._run_alike(rows, order[first:last], rates))
        return Scalars(*(torch.cat(values) for values in zip(*parts, strict=True)))

    def _run_alike(
        self, rows: Batch, order: Sequence[Tensor], learning_rates: Sequence[Rates] | None
    ) -> Scalars:
        """The same for indices of one shape: natively where members can be, else all at once."""
        index = order[0]
        batch = _taken(rows, index[0] if index.ndim > 1 else index)
        form = _Form(self._signer(batch), index.ndim > 1, True)
        given = [None] * len(order) if learning_rates is None else learning_rates
        rates = torch.stack([self._rates(each).expand(len(self)) for each in given])
        if form not in self._natives:
            self._natives[form] = self._native(form, batch, rows, index, rates[0])
        native = self._natives[form]
        if native is not None:
            self.step += len(order)
            return native.run(rows, order, rates)
        steps = []
        for place, index in enumerate(order):
            batch = _taken(rows, index)
            steps.append(self.run(batch, given[place], own_rows=index.ndim > 1))
        return Scalars(
            torch.stack([scalars.loss for scalars in steps]),
            torch.stack([scalars.gradient_norms for scalars in steps]),
        )

    def keep(self, positions: Sequence[int]) -> None:
        """Go on with these members only: each of them as if the others had stayed.

        Within rounding, that is, or bit for bit with `is_exact`. Those left out keep what they have
        learnt in their modules.

        Raises:
            ConfigError: for positions that are none, or that come twice.
        """
        strange = sorted(set(positions) - set(range(len(self))))
        if strange or not positions or len(set(positions)) < len(positions):
            raise ConfigError(
                f"keep: got {list(positions)}; expected different positions from 0 to "
                f"{len(self) - 1}, at least one."
            )
        left = set(range(len(self))) - set(positions)
        apart([self._states[k] for k in sorted(left)])
        self.members = tuple(self.members[k] for k in positions)
        self._own = [self._own[k] for k in positions]
        self._streams.keep(positions)
        self._recipes = {
            form: None if made_of is None else made_of.kept(positions)
            for form, made_of in self._recipes.items()
        }
        self._settle([self._states[k] for k in positions])

    def state(self, k: int) -> State:
        """Member k's state, as its program alone would have it: a view, always up to date."""
        self._own[k].step = self.step
        return self._own[k]

    def module(self, k: int) -> nn.Module:
        """Member k's network: a view, always up to date."""
        return self.members[k].program.module

    def tensors_of(self, k: int) -> dict[str, Tensor]:
        """Member k's checkpoint, as `State.tensors` gives it and `State.load` takes it."""
        return {**self._own[k].named(), **self._streams.named(k)}

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor of the population under a flat name, `[N, …]`."""
        own = {name: tensor.contiguous() for name, tensor in self._tensors.items()}
        return {**own, **self._streams.tensors()}

    @torch.no_grad()
    def load(self, tensors: Mapping[str, Tensor], *, step: int) -> None:
        """Set everything from `tensors`, as `tensors()` named them, in place.

        Raises:
            DamagedError: if names or shapes are not those of this population.
        """
        own = self.tensors()
        strange = sorted(own.keys() ^ tensors.keys())
        strange += [n for n in own.keys() & tensors.keys() if own[n].shape != tensors[n].shape]
        if strange:
            raise DamagedError(
                f"the checkpoint of step {step} does not fit this population of {len(self)}: "
                f"{', '.join(strange[:5])}{' …' if len(strange) > 5 else ''} differ. Resume with "
                "the same members."
            )
        for name, tensor in self._tensors.items():
            tensor.copy_(tensors[name])
        self._streams.load(tensors)
        self.step = step

    def _rates(self, given: Rates | None) -> Tensor:
        if given is None:
            given = [member.program.optimizer.learning_rate for member in self.members]
        rates = torch.as_tensor(given, dtype=torch.float64, device=self.device)
        if rates.ndim and rates.shape != (len(self),):
            raise ConfigError(
                f"learning rates of shape {tuple(rates.shape)} came for {len(self)} members; "
                f"expected one number, or {len(self)}."
            )
        return rates

    def _check_rows(self, batch: Batch, own_rows: bool) -> None:
        if own_rows and len(batch.targets) != len(self):
            raise ConfigError(
                f"rows of {len(batch.targets)} members came for a population of {len(self)}; "
                f"expected targets [N, B] with N = {len(self)}."
            )

    def _together(self, update: Combined, batch: Batch, rates: Tensor) -> Scalars:
        loss, norms = update(self._given(batch, rates), self._streams.generators)
        self.step += 1
        return Scalars(loss, norms)

    def _one_by_one(
        self, form: _Form, batch: Batch, rates: Tensor, heard: list[Heard] | None = None
    ) -> Scalars:
        """The step of each member alone, in eager mode; `heard` is filled with its calls."""
        steps = []
        for k, (member, state) in enumerate(zip(self.members, self._states, strict=True)):
            rows = _rows_of(k, batch) if form.has_own_rows else batch
            rate = rates[k] if form.has_own_rates else rates
            with self._streams.as_global(k):
                if heard is None:
                    scalars, _ = member.program.update(member.program.module, state, rows, rate)
                else:
                    with Listener() as listener:
                        scalars, _ = member.program.update(member.program.module, state, rows, rate)
                    heard.append(listener.heard)
            steps.append(scalars)
        self.step += 1
        return Scalars(
            torch.stack([scalars.loss for scalars in steps]),
            torch.stack([scalars.gradient_norms for scalars in steps]),
        )

    def _first(self, form: _Form, batch: Batch, rates: Tensor) -> Scalars:
        """A step taken by each alone, then by all together from the same start, and compared."""
        before = self._snapshot()
        heard: list[Heard] = []
        alone = Step(self._one_by_one(form, batch, rates, heard), *self._snapshot())
        self.step -= 1
        try:
            made_of = self._recipe(form, batch, heard)
            update = made_of.made(self._given(batch, rates), len(self))
            self._restore(*before)
            came = Step(self._together(update, batch, rates), *self._snapshot())
        except (CaptureError, RuntimeError, TypeError, NotImplementedError) as error:
            return self._give_up(form, alone, _first_line(error))
        if self.is_exact:
            difference = None if same_bits(came, alone) else "the bits differ"
        else:
            related = parameter_of(self._states[0])
            difference = within_rounding(came, alone, before[0], related)
        if difference is not None:
            self.step -= 1
            return self._give_up(form, alone, f"at their check {difference}")
        self._recipes[form], self._updates[form] = made_of, update
        return came.scalars

    def _native(
        self, form: _Form, batch: Batch, rows: Batch, index: Tensor, rates: Tensor
    ) -> NativeMembers | None:
        """The members' updates in C, if a step of them is the step that each takes alone."""
        if self.is_exact or self.device.type != "cpu":
            return None
        program, state = self.members[0].program, self._states[0]
        if multiply_adds(program.module, state, len(batch.targets)) >= SMALL:
            return None
        try:
            native = NativeMembers(self.members, self._own, batch)
        except (CaptureError, NativeUnsupported):
            return None
        before = self._snapshot()
        stacked_rows = _taken(rows, index)
        alone = Step(self._one_by_one(form, stacked_rows, rates), *self._snapshot())
        self.step -= 1
        self._restore(*before)
        loss, norms = native.run(rows, [index], rates.unsqueeze(0))
        came = Step(Scalars(loss[0], norms[0]), *self._snapshot())
        difference = within_rounding(came, alone, before[0], parameter_of(state))
        self._restore(*before)
        return native if difference is None else None

    def _recipe(self, form: _Form, batch: Batch, heard: Sequence[Heard]) -> Recipe:
        rows = _rows_of(0, batch) if form.has_own_rows else batch
        captured = capture(self.members[0].program, self._states[0], rows)
        data = [tensor for tensor in batch if tensor is not None]
        is_stacked = [True] * len(self._flat) + [form.has_own_rows] * len(data)
        return recipe(captured, heard, [*is_stacked, form.has_own_rates], is_exact=self.is_exact)

    def _given(self, batch: Batch, rates: Tensor) -> list[Tensor]:
        return [*self._flat, *(tensor for tensor in batch if tensor is not None), rates]

    def _give_up(self, form: _Form, alone: Step, reason: str) -> Scalars:
        self._restore(alone.tensors, alone.random)
        self._recipes[form] = None
        text = f"population: members are trained one after another, as {reason}"
        self.remarks.append(Remark(text, is_fallback=True))
        self.step += 1
        return alone.scalars

    def _snapshot(self) -> tuple[dict[str, Tensor], Tensor]:
        copies = {name: tensor.clone() for name, tensor in self._tensors.items()}
        return copies, self._streams.states()

    @torch.no_grad()
    def _restore(self, tensors: Mapping[str, Tensor], random: Tensor) -> None:
        for name, tensor in self._tensors.items():
            tensor.copy_(tensors[name])
        self._streams.set_states(random)


def _rows_of(k: int, batch: Batch) -> Batch:
    inputs, targets, weights = batch
    return Batch(inputs[k], targets[k], None if weights is None else weights[k])


def _taken(rows: Batch, index: Tensor) -> Batch:
    """The rows of an index `[B]`, or `[N, B]` of each member."""
    inputs, targets, weights = (
        None if t is None else t.index_select(0, index.flatten()).view(*index.shape, *t.shape[1:])
        for t in rows
    )
    assert inputs is not None and targets is not None
    return Batch(inputs, targets, weights)


def _alike(order: Sequence[Tensor]) -> Iterator[tuple[int, int]]:
    """First and last of neighbouring indices of one shape."""
    first = 0
    for place in range(1, len(order) + 1):
        if place == len(order) or order[place].shape != order[first].shape:
            yield first, place
            first = place


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200]
