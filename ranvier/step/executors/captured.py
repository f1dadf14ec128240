"""What all executors of a captured update share: when to capture, when not, and the first check."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from ranvier.step.capture import Captured, CaptureError, Signature, Signer, capture
from ranvier.step.executors.base import Executor, Remark
from ranvier.step.executors.eager import Eager
from ranvier.step.objective import Batch
from ranvier.step.program import Program, Scalars
from ranvier.step.state import State

Function = Callable[..., tuple[Tensor, ...]]
Outcome = tuple[Tensor, ...]

# So many forms of batches are captured; a network that sees more of them runs the rest eagerly.
MOST_CAPTURES = 8
# A check holds a second state for one step; above this many bytes there may be no room for it.
LARGEST_CHECKED = 2**28


class _Functions(NamedTuple):
    """The update as functions of tensors: loss and norms only, and with the gradients."""

    plain: Function
    observed: Function


class CapturedExecutor(Executor):
    """Runs captured updates, one per signature; eagerly what cannot be captured.

    The first step with a new signature runs eagerly, so that training begins at once. With the
    second, the update is captured and run on copies of the state, the true step is run eagerly,
    and all that both wrote is compared: only a capture that agrees is used from there on. Members
    that keep bits may do so at any time, since the numbers are the same on both ways.
    """

    captures_at: ClassVar[int] = 2
    # How far numbers may be from eager's at the check, relative and absolute; 0 is bit for bit.
    tolerance: ClassVar[float] = 0.0

    def __init__(self, program: Program, state: State) -> None:
        super().__init__(program, state)
        self._eager = Eager(program, state)
        self._signer = Signer(program.module, state)
        self._seen: Counter[Signature] = Counter()
        self._functions: dict[Signature, _Functions | None] = {}
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
        self._seen[signature] += 1
        if signature in self._functions or self._seen[signature] < self.captures_at:
            return self._eager.run_observed(batch, learning_rate)
        if len(self._functions) >= MOST_CAPTURES:
            return self._give_up(signature, "its batches have too many forms", batch, learning_rate)
        try:
            captured = capture(self.program, self.state, batch)
            functions = self._compiled(captured)
            return self._checked(signature, functions, batch, learning_rate)
        except CaptureError as error:
            return self._give_up(signature, str(error), batch, learning_rate)

    def _compiled(self, captured: Captured) -> _Functions:
        return _Functions(self.compile(captured.without_gradients()), self.compile(captured))

    def _give_up(
        self, signature: Signature, reason: str, batch: Batch, learning_rate: float
    ) -> tuple[Scalars, list[Tensor]]:
        self._functions[signature] = None
        self.remarks.append(Remark(f"{self.name}: runs eagerly, as {reason}", is_fallback=True))
        return self._eager.run_observed(batch, learning_rate)

    def _checked(
        self, signature: Signature, functions: _Functions, batch: Batch, learning_rate: float
    ) -> tuple[Scalars, list[Tensor]]:
        """The step run eagerly, held against both functions on copies of the state before it.

        Raises:
            CaptureError: if a function fails; the state is then as it was.
        """
        if sum(t.nbytes for t in self._tensors) > LARGEST_CHECKED:
            self._accept(signature, functions)
            return self._eager.run_observed(batch, learning_rate)
        self._rate.fill_(learning_rate)
        results = []
        for function in functions:
            copies = [tensor.detach().clone() for tensor in self._tensors]
            with torch.random.fork_rng(devices=_cuda(self.state.device)):
                try:
                    outcome = function(*copies, *_given(batch), self._rate)
                except (RuntimeError, TypeError, NotImplementedError) as error:
                    # TorchScript's own words come first, the kernel's reason last.
                    raise CaptureError(str(error).strip().splitlines()[-1][:200]) from error
                results.append((copies, outcome, torch.get_rng_state()))
        scalars, gradients = self._eager.run_observed(batch, learning_rate)
        wanted = [*self._tensors, *scalars, *gradients]
        for copies, outcome, random in results:
            came = [*copies, *outcome]
            if not (
                all(self._agree(a, b) for a, b in zip(came, wanted, strict=False))
                and torch.equal(random, torch.get_rng_state())
            ):
                reason = "the captured update gave other numbers at its check"
                self._functions[signature] = None
                self.remarks.append(Remark(f"{self.name}: runs eagerly, as {reason}", True))
                return scalars, gradients
        self._accept(signature, functions)
        return scalars, gradients

    def _agree(self, came: Tensor, wanted: Tensor) -> bool:
        if self.tolerance:
            return torch.allclose(
                came, wanted, rtol=self.tolerance, atol=self.tolerance, equal_nan=True
            )
        return torch.equal(came, wanted) or torch.equal(came.nan_to_num(), wanted.nan_to_num())

    def _accept(self, signature: Signature, functions: _Functions) -> None:
        known = [each for each, made in self._functions.items() if made is not None]
        self._functions[signature] = functions
        if known:
            change = self._signer.difference(known[-1], signature)
            self.remarks.append(Remark(f"{self.name}: captured again, as {change}"))


def _given(batch: Batch) -> tuple[Tensor, ...]:
    inputs, targets, weights = batch
    return (inputs, targets) if weights is None else (inputs, targets, weights)


def _cuda(device: torch.device) -> list[torch.device]:
    return [device] if device.type == "cuda" else []
