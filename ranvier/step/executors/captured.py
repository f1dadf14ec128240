"""What all executors of a captured update share: when to capture, when not, and the first check."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from typing import ClassVar, NamedTuple, TypeVar

import torch
from torch import Tensor

from ranvier.step.capture import Captured, CaptureError, Signature, Signer, capture
from ranvier.step.executors.agreement import Taken, have_same_bits
from ranvier.step.executors.base import Executor, Remark
from ranvier.step.executors.eager import Eager
from ranvier.step.objective import Batch
from ranvier.step.program import Program, Scalars
from ranvier.step.state import State

T = TypeVar("T")
Function = Callable[..., tuple[Tensor, ...]]
Outcome = tuple[Tensor, ...]

# So many forms of batches are captured; a network that sees more of them runs the rest eagerly.
MOST_CAPTURES = 8
# A check holds a second state for one step; above this many bytes there may be no room for it.
LARGEST_CHECKED = 2**28


class Functions(NamedTuple):
    """The update as functions of tensors: loss and norms only, and with the gradients."""

    plain: Function
    observed: Function


class CapturedExecutor(Executor):
    """Runs captured updates, one per signature; eagerly what cannot be captured.

    The first step with a new signature runs eagerly, so that training begins at once. With the
    second, the update is captured and run on copies of the state, the true step is run eagerly,
    and all that both wrote is compared: only a capture that agrees is used from there on. Members
    that keep bits may do so at any time, since the numbers are the same on both ways. The others
    capture at once and the state goes on with their own numbers from the first step, so that a run
    that is resumed comes to the same bits.
    """

    captures_at: ClassVar[int] = 2
    # Whether its check needs the state as it was before the step.
    keeps_before: ClassVar[bool] = False

    def __init__(self, program: Program, state: State) -> None:
        super().__init__(program, state)
        self._eager = Eager(program, state)
        self._signer = Signer(program.module, state)
        self._seen: Counter[Signature] = Counter()
        self._functions: dict[Signature, Functions | None] = {}
        self._accepted: Signature | None = None
        self._tensors = list(state.named().values())
        self._rate = torch.zeros((), dtype=torch.float64, device=state.device)

    @abstractmethod
    def compile(self, captured: Captured) -> Function:
        """A function of the capture's placeholders that runs its graph.

        Raises:
            CaptureError: if this executor cannot run it.
        """

    def run(self, batch: Batch, learning_rate: float) -> Scalars:
        signature = self._signer(batch)
        functions = self._functions.get(signature)
        if functions is None:
            return self._first_steps(signature, batch, learning_rate)[0]
        self._rate.fill_(learning_rate)
        loss, norms = functions.plain(*self._tensors, *_given(batch), self._rate)
        self.state.step += 1
        return Scalars(loss, norms)

    def run_observed(self, batch: Batch, learning_rate: float) -> tuple[Scalars, list[Tensor]]:
        signature = self._signer(batch)
        functions = self._functions.get(signature)
        if functions is None:
            return self._first_steps(signature, batch, learning_rate)
        self._rate.fill_(learning_rate)
        loss, norms, *gradients = functions.observed(*self._tensors, *_given(batch), self._rate)
        self.state.step += 1
        return Scalars(loss, norms), gradients

    def _first_steps(
        self, signature: Signature, batch: Batch, learning_rate: float
    ) -> tuple[Scalars, list[Tensor]]:
        """One eager step, and once its turn has come the capture beside it."""
        # What was captured while other parameters were frozen is not run again.
        self._functions = only_of_its_kind(self._functions, signature)
        self._seen[signature] += 1
        if signature in self._functions or self._seen[signature] < self.captures_at:
            return self._eager.run_observed(batch, learning_rate)
        if len(self._functions) >= MOST_CAPTURES:
            return self._give_up(signature, "its batches have too many forms", batch, learning_rate)
        try:
            captured = capture(self.program, self.state, batch)
            functions = self.compile_both(captured)
            return self._checked(signature, functions, batch, learning_rate)
        except CaptureError as error:
            return self._give_up(signature, str(error), batch, learning_rate)

    def compile_both(self, captured: Captured) -> Functions:
        """Both functions of one capture.

        Raises:
            CaptureError: if this executor cannot run it.
        """
        return Functions(self.compile(captured.without_gradients()), self.compile(captured))

    def _give_up(
        self, signature: Signature, reason: str, batch: Batch, learning_rate: float
    ) -> tuple[Scalars, list[Tensor]]:
        self._functions[signature] = None
        self.remarks.append(Remark(f"{self.name}: runs eagerly, as {reason}", is_fallback=True))
        return self._eager.run_observed(batch, learning_rate)

    def _checked(
        self, signature: Signature, functions: Functions, batch: Batch, learning_rate: float
    ) -> tuple[Scalars, list[Tensor]]:
        """The step run eagerly, held against both functions on copies of the state before it.

        Raises:
            CaptureError: if a function fails; the state is then as it was.
        """
        if sum(t.nbytes for t in self._tensors) > LARGEST_CHECKED:
            self._accept(signature, functions)
            runner = self._eager if self.is_exact else self
            return runner.run_observed(batch, learning_rate)
        names = list(self.state.named())
        before = dict(zip(names, self._copies(), strict=True)) if self.keeps_before else {}
        self._rate.fill_(learning_rate)
        results = []
        for function in functions:
            copies = self._copies()
            with torch.random.fork_rng(devices=_cuda(self.state.device)):
                try:
                    outcome = function(*copies, *_given(batch), self._rate)
                except (RuntimeError, TypeError, NotImplementedError) as error:
                    # TorchScript's own words come first, the kernel's reason last.
                    raise CaptureError(str(error).strip().splitlines()[-1][:200]) from error
                taken = Taken(dict(zip(names, copies, strict=True)), outcome)
                results.append((taken, self._random()))
        scalars, gradients = self._eager.run_observed(batch, learning_rate)
        wanted = Taken(dict(zip(names, self._tensors, strict=True)), (*scalars, *gradients))
        random = self._random()
        for came, drawn in results:
            if not (self.agrees(came, wanted, before) and torch.equal(drawn, random)):
                reason = "the captured update gave other numbers at its check"
                self._functions[signature] = None
                self.remarks.append(Remark(f"{self.name}: runs eagerly, as {reason}", True))
                return scalars, gradients
        self._accept(signature, functions)
        return (scalars, gradients) if self.is_exact else self._adopt(results[-1][0])

    def agrees(self, came: Taken, wanted: Taken, before: Mapping[str, Tensor]) -> bool:
        """Whether a step from `before` came to eager's numbers, as closely as this executor does.

        `before` is empty unless the member asks for it.
        """
        return have_same_bits(came, wanted)

    def _adopt(self, taken: Taken) -> tuple[Scalars, list[Tensor]]:
        """Go on with the step as this executor took it."""
        with torch.no_grad():
            for own, tensor in zip(self._tensors, taken.tensors.values(), strict=True):
                own.copy_(tensor)
        loss, norms, *gradients = taken.outcome
        return Scalars(loss, norms), gradients

    def _copies(self) -> list[Tensor]:
        return [tensor.detach().clone() for tensor in self._tensors]

    def _random(self) -> Tensor:
        """All that random numbers will be drawn from."""
        states = [torch.get_rng_state()]
        states += [torch.cuda.get_rng_state(device) for device in _cuda(self.state.device)]
        return torch.cat(states)

    def _accept(self, signature: Signature, functions: Functions) -> None:
        self._functions[signature] = functions
        if self._accepted is not None:
            change = self._signer.difference(self._accepted, signature)
            self.remarks.append(Remark(f"{self.name}: captured again, as {change}"))
        self._accepted = signature


def only_of_its_kind(known: dict[Signature, T], signature: Signature) -> dict[Signature, T]:
    """What is known of signatures under which the same parameters are trained."""
    return {each: of_it for each, of_it in known.items() if each.trained == signature.trained}


def _given(batch: Batch) -> tuple[Tensor, ...]:
    inputs, targets, weights = batch
    return (inputs, targets) if weights is None else (inputs, targets, weights)


def _cuda(device: torch.device) -> list[torch.device]:
    return [device] if device.type == "cuda" else []
