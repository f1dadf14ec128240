"""The captured update compiled to a tape of a library in C: no interpreter between its kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ranvier.step.capture import Captured, CaptureError, Signature, Signer, capture
from ranvier.step.executors.base import EXECUTORS, Executor, Remark
from ranvier.step.executors.captured import LARGEST_CHECKED, MOST_CAPTURES, only_of_its_kind
from ranvier.step.executors.replay import Replay
from ranvier.step.native import Engine, NativeUnsupported, library
from ranvier.step.objective import Batch
from ranvier.step.passes import simplified
from ranvier.step.program import Program, Scalars
from ranvier.step.state import State

# How far a first step may be from eager's: relative to the largest number of its kind, and for a
# gradient relative to its own norm. Far above what rounding does, far below what a wrong kernel
# does.
TOLERANCE, SHARE = 1e-3, 0.05
# So many times as far with products in bfloat16, which has 16 bits less: a wrong kernel is further.
HALF_LOOSENESS = 8.0


@EXECUTORS.register("native")
class Native(Executor):
    """Runs the update in C on the state's own tensors, as many steps in one call as are asked for.

    The numbers are eager's within rounding, the same in every run with as many threads, and do not
    depend on how steps are put into calls. The first step of each form of batch is held against
    the captured graph run by torch. Under bfloat16 the operands of products are rounded, and their
    sums kept in float32. Rows that are mixed with each other are mixed by torch before each step.
    What cannot be run so is replayed, with a remark that says why.
    """

    name = "native"
    is_exact = False

    def __init__(self, program: Program, state: State, *, threads: int | None = None) -> None:
        super().__init__(program, state)
        program = replace(program, mixup=0.0, cutmix=0.0)
        self.threads = threads or torch.get_num_threads()
        # Its products round what they multiply; what else a variant changes is in the graph.
        self._is_half = program.variant.number_format == "bfloat16"
        self._in_float32 = replace(
            program, variant=replace(program.variant, number_format="float32")
        )
        self._replay = Replay(program, state)
        self._signer = Signer(program.module, state)
        self._engines: dict[Signature, Engine | None] = {}

    def run(self, batch: Batch, learning_rate: float) -> Scalars:
        batch = self._mixed(batch)
        engine = self._engine_for(batch)
        if engine is None:
            return self._replay.run(batch, learning_rate)
        scalars = engine.run_one(batch, learning_rate)
        self.state.step += 1
        return scalars

    def run_observed(self, batch: Batch, learning_rate: float) -> tuple[Scalars, list[Tensor]]:
        batch = self._mixed(batch)
        engine = self._engine_for(batch)
        if engine is None:
            return self._replay.run_observed(batch, learning_rate)
        scalars = engine.run_one(batch, learning_rate)
        self.state.step += 1
        return scalars, engine.gradients()

    def run_rows(
        self, rows: Batch, bounds: Sequence[int], learning_rates: Sequence[float]
    ) -> Scalars:
        """The same updates, all neighbours of one size in one call."""
        if self.program.mixing:
            return super().run_rows(rows, bounds, learning_rates)
        parts: list[Scalars] = []
        at = 0
        while at < len(learning_rates):
            size = bounds[at + 1] - bounds[at]
            engine = self._engine_for(rows.part(bounds[at], bounds[at + 1]))
            end = at + 1
            while end < len(learning_rates) and bounds[end + 1] - bounds[end] == size:
                end += 1
            stretch = rows.part(bounds[at], bounds[end])
            if engine is None:
                own = [bound - bounds[at] for bound in bounds[at : end + 1]]
                parts.append(self._replay.run_rows(stretch, own, learning_rates[at:end]))
            else:
                parts.append(engine.run(stretch, learning_rates[at:end]))
                self.state.step += end - at
            at = end
        return Scalars(*(torch.cat(values) for values in zip(*parts, strict=True)))

    def _mixed(self, batch: Batch) -> Batch:
        # Ahead of what is captured: its gathers and draws would leave the whole update to replay.
        return self.program.mixing(batch, self.program.head)

    def _engine_for(self, batch: Batch) -> Engine | None:
        """The engine for batches of this form, made at the first of them; None to replay it."""
        signature = self._signer(batch)
        engine = self._engines.get(signature)
        if engine is not None and engine.is_current:
            return engine
        if engine is None and signature in self._engines:
            return None
        self._engines = only_of_its_kind(self._engines, signature)
        try:
            if len(self._engines) >= MOST_CAPTURES:
                raise CaptureError("its batches have too many forms")
            self._engines[signature] = self._made(batch)
        except (CaptureError, NativeUnsupported) as error:
            self._engines[signature] = None
            self.remarks.append(Remark(f"native: replays the update, as {error}", True))
        return self._engines[signature]

    def _made(self, batch: Batch) -> Engine:
        """A checked engine.

        Raises:
            CaptureError: if the update is no fixed list of operations.
            NativeUnsupported: if the library is not to be had, or does not have an operation.
        """
        if self.state.device.type != "cpu":
            raise NativeUnsupported(f"the network is on {self.state.device}")
        found = library()
        if isinstance(found, str):
            raise NativeUnsupported(found)
        captured = simplified(capture(self._in_float32, self.state, batch))
        tensors = self.state.named()
        form: dict[str, Any] = {"threads": self.threads, "is_half": self._is_half}
        try:
            engine = Engine(found, captured, tensors, **form)
        except NativeUnsupported:
            raise
        except Exception as error:
            # A graph that nobody thought of costs speed, never the run.
            raise NativeUnsupported(f"lowering it failed: {error!r:.200}") from error
        if 2 * sum(t.nbytes for t in tensors.values()) <= LARGEST_CHECKED:
            copies = {name: tensor.detach().clone() for name, tensor in tensors.items()}
            with torch.random.fork_rng(devices=[]):
                on_copies = Engine(found, captured, copies, **form)
                looseness = HALF_LOOSENESS if self._is_half else 1.0
                _require_agreement(on_copies, captured, tensors, copies, batch, looseness)
        return engine


def _require_agreement(
    engine: Engine,
    captured: Captured,
    tensors: dict[str, Tensor],
    copies: dict[str, Tensor],
    batch: Batch,
    looseness: float,
) -> None:
    """Hold one step on `copies` against the captured graph on copies of its own.

    Loss and gradients agree, random numbers are drawn alike, and the next state agrees but for
    elements whose gradient is 0 but for rounding: an optimiser may blow up what is rounding there.

    Raises:
        NativeUnsupported: if the numbers differ by more than rounding explains.
    """
    rate = torch.full((), 1e-3, dtype=torch.float64)
    given = [tensor for tensor in batch if tensor is not None]
    wanted = {name: tensor.detach().clone() for name, tensor in tensors.items()}
    before = torch.get_rng_state()
    loss, _, *gradients = captured.module(*wanted.values(), *given, rate)
    after = torch.get_rng_state()
    torch.set_rng_state(before)
    came = engine.run_one(batch, float(rate))
    if not torch.equal(torch.get_rng_state(), after):
        raise NativeUnsupported("it drew other random numbers at its check")
    if not _agree(came.loss, loss, looseness):
        raise NativeUnsupported("it gave another loss at its check")
    # A gradient that is 0 but for rounding, such as that of a bias before batch normalisation,
    # says nothing by its own size.
    size = max(map(_norm, gradients), default=0.0)
    pairs = zip(engine.gradients(), gradients, strict=True)
    if not all(_point_alike(one, other, size, looseness) for one, other in pairs):
        raise NativeUnsupported("it gave other gradients at its check")
    if not all(_agree_mostly(copies[name], t, looseness) for name, t in wanted.items()):
        raise NativeUnsupported("it gave another state at its check")


def _norm(values: Tensor) -> float:
    return float(values.nan_to_num(0, 0, 0).double().norm())


def _point_alike(came: Tensor, wanted: Tensor, size: float, looseness: float) -> bool:
    """Whether two gradients are one but for rounding, of which deep networks do much.

    On a residual network of nine convolutions eager's own gradients are up to 2 % of their norm
    away from those in float64, the engine's a tenth of that.
    """
    if came.shape != wanted.shape or not torch.equal(came.isfinite(), wanted.isfinite()):
        return False
    return _norm(came - wanted) <= looseness * (SHARE * _norm(wanted) + TOLERANCE * size)


def _agree(came: Tensor, wanted: Tensor, looseness: float) -> bool:
    """Whether the numbers agree, measured by the largest of them."""
    if came.shape != wanted.shape:
        return False
    size = wanted.nan_to_num(0, 0, 0).abs().max().item() if wanted.numel() else 0.0
    far = looseness * TOLERANCE
    return torch.allclose(came, wanted, rtol=far, atol=far * size, equal_nan=True)


def _agree_mostly(came: Tensor, wanted: Tensor, looseness: float) -> bool:
    """Whether a tenth of the elements at most disagree."""
    if not wanted.numel() or _agree(came, wanted, looseness):
        return True
    far = looseness * TOLERANCE
    near = torch.isclose(came, wanted, rtol=far, atol=far, equal_nan=True)
    return bool(near.double().mean() > 0.9)
