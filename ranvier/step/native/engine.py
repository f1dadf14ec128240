"""An update that is ready to run: what it was lowered to, the memory round it, and its calls."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import torch
from torch import Tensor

from ranvier.step.capture import Captured
from ranvier.step.native.generator import Generator
from ranvier.step.native.graph import lowered
from ranvier.step.native.program import Draw
from ranvier.step.native.tape import Tape
from ranvier.step.objective import Batch
from ranvier.step.program import Scalars


class Engine:
    """Runs the captured update on the tensors of a state, many batches of one size in one call."""

    def __init__(
        self,
        library: ctypes.CDLL,
        captured: Captured,
        tensors: dict[str, Tensor],
        *,
        threads: int,
        is_half: bool = False,
    ) -> None:
        self._generator = Generator(library)
        program = lowered(
            library, self._generator, captured, tensors, threads=threads, is_half=is_half
        )
        self.tape = Tape(library, program, threads=threads, state=list(tensors.values()))
        self._gradients = program.gradients
        self._draws = program.draws
        self._draws_itself = program.draws_itself
        self.num_norms = program.streams[-1].numel
        self.point_at(tensors)

    @property
    def draws(self) -> bool:
        """Whether an update draws random numbers."""
        return bool(self._draws) or self._draws_itself

    def point_at(self, tensors: dict[str, Tensor]) -> None:
        """Run on these tensors from now on, in names and forms as those it was made for."""
        self._tensors = list(tensors.values())
        # What the tape writes to stays where it is, even if a parameter gets other memory.
        self._held = [tensor.detach() for tensor in self._tensors]
        self._places = [tensor.data_ptr() for tensor in self._held]
        self.tape.point_at(self._places)

    @property
    def is_current(self) -> bool:
        """Whether the state's tensors still lie where the tape writes to."""
        return [tensor.data_ptr() for tensor in self._tensors] == self._places

    def run(self, rows: Batch, learning_rates: Sequence[float]) -> Scalars:
        """As many updates as there are learning rates, on equal parts of the rows, in order."""
        steps = len(learning_rates)
        scalars = Scalars(torch.empty(steps), torch.empty(steps, self.num_norms))
        self._run(rows, learning_rates, scalars)
        return scalars

    def run_one(self, batch: Batch, learning_rate: float) -> Scalars:
        """One update."""
        scalars = Scalars(torch.empty(()), torch.empty(self.num_norms))
        self._run(batch, (learning_rate,), scalars)
        return scalars

    def _run(self, rows: Batch, learning_rates: Sequence[float], scalars: Scalars) -> None:
        steps = len(learning_rates)
        # Each stream is held here by a name until the call is over.
        data = [tensor.contiguous() for tensor in rows if tensor is not None]
        rates = (ctypes.c_double * steps)(*learning_rates)
        drawn = [_Drawn(draw, steps) for draw in self._draws]
        for step in range(steps):
            for each in drawn:
                each.fill(step)
        base = [tensor.data_ptr() for tensor in data]
        base.append(ctypes.addressof(rates))
        base += [each.numbers.data_ptr() for each in drawn]
        base += [tensor.data_ptr() for tensor in scalars]
        if self._draws_itself:
            with self._generator.borrowed():
                self.tape.run(base, steps)
        else:
            self.tape.run(base, steps)

    def gradients(self) -> list[Tensor]:
        """The gradients of the last step, copied out."""
        return [self.tape.tensor(view).clone() for view in self._gradients]


class _Drawn:
    """The random numbers of one draw for all steps of a call, side by side."""

    def __init__(self, draw: Draw, steps: int) -> None:
        self.draw = draw
        self.numbers = torch.empty(steps, draw.view.buffer.numel, dtype=draw.view.dtype)

    def fill(self, step: int) -> None:
        view = self.draw.view
        self.draw.fill(self.numbers[step].as_strided(view.shape, view.strides, self._at(step)))

    def _at(self, step: int) -> int:
        return int(self.numbers[step].storage_offset())
