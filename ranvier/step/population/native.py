"""Members trained by the native library: one after another on each thread, several updates a call.

A tape is made once for all members that differ only in weights, rows and learning rate, and is
pointed at the tensors of the one that runs. Models this small leave nothing to gain by running as
one program: what costs is memory that leaves the cache, and a member alone fits into it.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace

import torch
from torch import Tensor

from ranvier.step.capture import capture
from ranvier.step.native import Engine, NativeUnsupported, library
from ranvier.step.objective import Batch
from ranvier.step.passes import simplified
from ranvier.step.population.member import Member
from ranvier.step.program import Scalars
from ranvier.step.state import State

# Every kind of member is captured and lowered by itself, which takes a tenth of a second.
MOST_KINDS = 8
# So many updates of a member make a call: its rows stay in the cache.
UPDATES_OF_A_CALL = 64


class NativeMembers:
    """The updates of members on batches of one form.

    Raises:
        NativeUnsupported: if the library is not to be had or does not have an operation, if members
            draw random numbers, or if they are of too many kinds.
    """

    def __init__(self, members: Sequence[Member], states: Sequence[State], batch: Batch) -> None:
        found = library()
        if isinstance(found, str):
            raise NativeUnsupported(found)
        kinds = [_kind(member) for member in members]
        if len(set(kinds)) > MOST_KINDS:
            raise NativeUnsupported(f"{len(set(kinds))} kinds of members")
        self._kinds = kinds
        self._tensors = [state.named() for state in states]
        # A thread has an engine of its own for each kind.
        self._engines: list[dict[str, Engine]] = [{} for _ in range(torch.get_num_threads())]
        for kind in dict.fromkeys(kinds):
            k = kinds.index(kind)
            captured = simplified(capture(members[k].program, states[k], batch))
            for engines in self._engines:
                engine = Engine(found, captured, self._tensors[k], threads=1)
                if engine.draws:
                    raise NativeUnsupported("random numbers, of which each member has its own")
                engines[kind] = engine

    def run(self, rows: Batch, order: Sequence[Tensor], rates: Tensor) -> Scalars:
        """An update of every member on the rows of each index: losses `[S, N]`, norms `[S, N, P]`.

        Shapes: an index `[B]` or `[N, B]`, rates `[S, N]`, of N members and S updates.
        """
        members, steps = len(self._kinds), len(order)
        loss = torch.empty(steps, members)
        workers = min(len(self._engines), members)
        num_norms = self._engines[0][self._kinds[0]].num_norms
        norms = torch.empty(steps, members, num_norms)

        def train(worker: int) -> None:
            for k in range(worker, members, workers):
                engine = self._engines[worker][self._kinds[k]]
                engine.point_at(self._tensors[k])
                for first in range(0, steps, UPDATES_OF_A_CALL):
                    part = slice(first, first + UPDATES_OF_A_CALL)
                    index = [each[k] if each.ndim > 1 else each for each in order[part]]
                    scalars = engine.run(_taken(rows, torch.cat(index)), rates[part, k].tolist())
                    loss[part, k], norms[part, k] = scalars

        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(train, range(workers)))
        return Scalars(loss, norms)


def _kind(member: Member) -> str:
    """What an update of the member is, but for weights and learning rate."""
    program = member.program
    optimizer = program.optimizer
    if any(each.name == "learning_rate" for each in fields(optimizer)):  # type: ignore[arg-type]
        optimizer = replace(optimizer, learning_rate=1.0)  # type: ignore[type-var]
    told = [getattr(program, each.name) for each in fields(program) if each.name != "optimizer"]
    return "\n".join(map(repr, [optimizer, *told]))


def _taken(rows: Batch, index: Tensor) -> Batch:
    inputs, targets, weights = (None if t is None else t.index_select(0, index) for t in rows)
    assert inputs is not None and targets is not None
    return Batch(inputs, targets, weights)
