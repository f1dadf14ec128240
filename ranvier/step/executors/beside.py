"""Training goes on one way while another is prepared, and over to it once that proves faster."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from statistics import median
from typing import Any, ClassVar, Protocol, TypeVar

import torch
from torch import Tensor

from ranvier.step.capture import CaptureError, Signature, Signer, capture
from ranvier.step.compilers import Elsewhere
from ranvier.step.executors.base import EXECUTORS, Executor, Remark
from ranvier.step.executors.inductor import Inductor
from ranvier.step.executors.replay import Replay
from ranvier.step.objective import Batch
from ranvier.step.program import Program, Scalars
from ranvier.step.state import State

# With less training than this left, in seconds, nothing is prepared: that alone takes about half.
LEAST_LEFT = 30.0
# The other has to take this share of the time or less: a change of bits for nothing is no gain.
LARGEST_SHARE = 0.95
# So many steps of each are timed, in turns.
TRIES = 7
# So many forms of batches are prepared for; the rest is compiled when it comes.
MOST_FORMS = 4

T = TypeVar("T")


class Preparation(Protocol):
    """Something that gets another executor ready while training goes on."""

    def start(self, batches: Sequence[Batch]) -> None:
        """Begin, for batches of these forms.

        Raises:
            CaptureError: if there is no way to.
        """

    @property
    def is_done(self) -> bool:
        """Whether it has come to an end, good or bad."""

    @property
    def reason(self) -> str | None:
        """Why it failed, once it is done; None where it did not."""

    def close(self) -> None:
        """End it, if it has not."""


class Beside(Executor):
    """Begins with `first` and goes over to `second` between two steps, once that is ready.

    It goes over only if training will last, by `last_step` where that is known, else as long again
    as it has lasted; if the other holds against eager; and if it is faster on some steps of each,
    which leave no trace in the state. When this happens depends on the machine, and from then on so
    do the bits: a run that is resumed has to be told the step, `since`, and goes on from there with
    the second at once.
    """

    is_exact = False
    first: ClassVar[type[Executor]]
    second: ClassVar[type[Executor]]

    def __init__(
        self,
        program: Program,
        state: State,
        *,
        since: int | None = None,
        last_step: int | None = None,
    ) -> None:
        super().__init__(program, state)
        self.since = since
        self.last_step = last_step
        kind = self.first if since is None else self.second
        self._running = self._own(kind(program, state))
        self._preparation: Preparation | None = None
        self._is_settled = since is not None
        self._signer = Signer(program.module, state)
        self._forms: dict[Signature, Batch] = {}
        self._seconds = 0.0
        self._latest: deque[float] = deque(maxlen=50)

    @abstractmethod
    def preparation(self) -> Preparation:
        """What gets the second ready."""

    def run(self, batch: Batch, learning_rate: float) -> Scalars:
        self._look([batch], learning_rate)
        return self._timed(1, lambda: self._running.run(batch, learning_rate))

    def run_observed(self, batch: Batch, learning_rate: float) -> tuple[Scalars, list[Tensor]]:
        self._look([batch], learning_rate)
        return self._timed(1, lambda: self._running.run_observed(batch, learning_rate))

    def run_rows(
        self, rows: Batch, bounds: Sequence[int], learning_rates: Sequence[float]
    ) -> Scalars:
        if not self._is_settled:
            by_size = {last - first: rows.part(first, last) for first, last in pairwise(bounds)}
            self._look(list(by_size.values()), learning_rates[0])
        count = len(learning_rates)
        return self._timed(count, lambda: self._running.run_rows(rows, bounds, learning_rates))

    def document(self) -> dict[str, Any]:
        return {"since": self.since}

    def load(self, document: Mapping[str, Any]) -> None:
        """Go on with the second executor at once, if training had gone over to it."""
        since = document.get("since")
        if since is not None and self.since is None:
            self.since, self._is_settled = since, True
            self._running = self._own(self.second(self.program, self.state))

    def close(self) -> None:
        """Prepare nothing any more."""
        self._is_settled = True
        if self._preparation is not None:
            self._preparation.close()

    def _look(self, batches: Sequence[Batch], learning_rate: float) -> None:
        """Whether it is time to prepare, or to go over."""
        if self._is_settled:
            return
        if self._preparation is None:
            for batch in batches:
                self._forms.setdefault(self._signer(batch), batch)
            if self._left() >= LEAST_LEFT:
                self._prepare()
        elif self._preparation.is_done:
            self._try(batches[0], learning_rate)

    def _left(self) -> float:
        """Seconds of training to come."""
        if self.last_step is None or not self._latest:
            return self._seconds
        return (self.last_step - self.state.step) * median(self._latest)

    def _prepare(self) -> None:
        self._preparation = self.preparation()
        try:
            self._preparation.start(list(self._forms.values())[:MOST_FORMS])
        except CaptureError as error:
            self._stay(f"as {error}")

    def _try(self, batch: Batch, learning_rate: float) -> None:
        assert self._preparation is not None
        reason = self._preparation.reason
        self._preparation.close()
        if reason is not None:
            self._stay(f"as {reason}")
            return
        other = self.second(self.program, self.state)
        with _put_back(self.state):
            other.run(batch, learning_rate)
            refused = next((r.text for r in other.remarks if r.is_fallback), None)
            times = [] if refused else self._times(other, batch, learning_rate)
        if refused is not None:
            self._stay(f"as {refused.removeprefix(f'{other.name}: ')}")
            return
        own, others = times
        figures = f"{others * 1e3:.3g} ms a step against {own * 1e3:.3g}"
        if others > LARGEST_SHARE * own:
            self._stay(f"as {other.name} takes {figures}")
            return
        self.remarks.append(
            Remark(f"{self.name}: {other.name} since step {self.state.step}, as it takes {figures}")
        )
        self._running = self._own(other)
        self.since = self.state.step
        self._is_settled = True

    def _times(self, other: Executor, batch: Batch, learning_rate: float) -> list[float]:
        """Seconds a step takes as it runs now, and as it would with the other."""
        times: list[list[float]] = [[], []]
        for _ in range(TRIES):
            for executor, of_it in zip((self._running, other), times, strict=True):
                start = time.perf_counter()
                executor.run(batch, learning_rate)
                of_it.append(time.perf_counter() - start)
        return [median(each) for each in times]

    def _stay(self, why: str) -> None:
        self.remarks.append(Remark(f"{self.name}: stays with {self._running.name}, {why}"))
        self.close()

    def _own(self, executor: Executor) -> Executor:
        # One list: what it remarks is remarked here.
        self.remarks += executor.remarks
        executor.remarks = self.remarks
        return executor

    def _timed(self, steps: int, deed: Callable[[], T]) -> T:
        if self._is_settled:
            return deed()
        start = time.perf_counter()
        result = deed()
        seconds = time.perf_counter() - start
        self._seconds += seconds
        self._latest.append(seconds / steps)
        return result


class CompilesElsewhere:
    """Prepares `inductor` in another process."""

    def __init__(self, program: Program, state: State) -> None:
        self._program = program
        self._state = state
        self._elsewhere: Elsewhere | None = None

    def start(self, batches: Sequence[Batch]) -> None:
        captured = [capture(self._program, self._state, batch) for batch in batches]
        self._elsewhere = Elsewhere([each.module for each in captured])

    @property
    def is_done(self) -> bool:
        return self._elsewhere is not None and self._elsewhere.is_done

    @property
    def reason(self) -> str | None:
        return None if self._elsewhere is None else self._elsewhere.reason

    def close(self) -> None:
        if self._elsewhere is not None:
            self._elsewhere.close()


@EXECUTORS.register("inductor-beside")
class InductorBeside(Beside):
    """Replays at once and compiles beside it."""

    name = "inductor-beside"
    first = Replay
    second = Inductor

    def preparation(self) -> Preparation:
        return CompilesElsewhere(self.program, self.state)


@contextmanager
def _put_back(state: State) -> Iterator[None]:
    """Whatever runs inside leaves neither the state nor random numbers changed."""
    tensors = list(state.named().values())
    kept = [tensor.detach().clone() for tensor in tensors]
    step = state.step
    devices: list[Any] = [state.device] if state.device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        with torch.no_grad():
            torch._foreach_copy_(tensors, kept)
        state.step = step
