"""An update recorded once and played back: the same kernels on the same memory, in one launch.

What a recording reads and writes lies at fixed places. State and learning rate have theirs already;
rows are copied to places of their own, and what the update gives is copied out, since the next
replay writes there again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

Outcome = tuple[Tensor, ...]
Function = Callable[..., Outcome]


class Recording(NamedTuple):
    """Work to play back, and where each replay leaves what it gives."""

    replay: Callable[[], None]
    outcome: Outcome


class Recorder(Protocol):
    """A device that can play work back."""

    def warm_up(self, work: Callable[[], object]) -> None:
        """Do the work where it will be recorded, so that it has taken what it takes but once."""

    def record(self, work: Callable[[], Outcome]) -> Recording:
        """Write down what the work asks of the device; none of it is done."""


class CudaRecorder:
    """CUDA graphs on a stream of their own.

    All take their memory from one pool. They may, as only one runs at a time and nothing in the
    pool is looked at once another has run. Random numbers come from the device's own generator,
    which every replay moves on as far as eager would.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream: Any = torch.cuda.Stream(device)
        self._pool: Any = torch.cuda.graph_pool_handle()

    def warm_up(self, work: Callable[[], object]) -> None:
        current = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(current)
        with torch.cuda.device(self._device), torch.cuda.stream(self._stream):
            work()
        current.wait_stream(self._stream)

    def record(self, work: Callable[[], Outcome]) -> Recording:
        graph = torch.cuda.CUDAGraph()
        # Other threads may go on using the device, as one that brings the next rows does.
        mode = "thread_local"
        with torch.cuda.device(self._device):
            with torch.cuda.graph(graph, self._pool, self._stream, capture_error_mode=mode):
                outcome = work()
        return Recording(graph.replay, outcome)


class Recorded:
    """A function of placeholders, as any executor's, that plays a recording of `function` back.

    It is recorded when it is first called. On a state other than `state` it does the same: the two
    change places for the while, as a recording knows one place only.
    """

    def __init__(
        self, function: Function, state: Sequence[Tensor], rate: Tensor, recorder: Recorder
    ) -> None:
        self._function = function
        self._state = list(state)
        self._rate = rate
        self._recorder = recorder
        self._rows: list[Tensor] = []
        self._recording: Recording | None = None

    @torch.no_grad()
    def __call__(self, *tensors: Tensor) -> Outcome:
        count = len(self._state)
        state, rows, rate = tensors[:count], tensors[count:-1], tensors[-1]
        if self._recording is None:
            self._recording = self._record(rows)
        replay, outcome = self._recording
        for place, given in zip(self._rows, rows, strict=True):
            place.copy_(given, non_blocking=True)
        if rate is not self._rate:
            self._rate.copy_(rate)
        if all(own is given for own, given in zip(self._state, state, strict=True)):
            replay()
        else:
            with self._in_the_place_of(state):
                replay()
        return tuple(tensor.clone() for tensor in outcome)

    def _record(self, rows: Sequence[Tensor]) -> Recording:
        self._rows = [tensor.clone() for tensor in rows]
        copies = [tensor.detach().clone() for tensor in self._state]
        devices = {tensor.device for tensor in self._state if tensor.is_cuda}
        with torch.random.fork_rng(devices=devices):
            self._recorder.warm_up(lambda: self._function(*copies, *self._rows, self._rate))
        return self._recorder.record(lambda: self._function(*self._state, *self._rows, self._rate))

    @contextmanager
    def _in_the_place_of(self, other: Sequence[Tensor]) -> Iterator[None]:
        kept = [tensor.detach().clone() for tensor in self._state]
        torch._foreach_copy_(self._state, list(other))
        try:
            yield
            torch._foreach_copy_(list(other), self._state)
        finally:
            torch._foreach_copy_(self._state, kept)
