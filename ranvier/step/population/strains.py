"""Which members can be trained as one, where some settings decide what is run."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import torch

from ranvier.core.errors import ConfigError
from ranvier.step.capture import CaptureError
from ranvier.step.objective import Batch
from ranvier.step.population.listening import Heard, Listener, refuse_other_calls
from ranvier.step.population.member import Member
from ranvier.step.population.storage import alike
from ranvier.step.program import Program
from ranvier.step.state import State


def strains(members: Sequence[Member], batch: Batch) -> list[list[int]]:
    """The members' positions, parted so that each part can be a population of its own.

    Most settings are numbers in the same operations. A few also decide what is run: a penalty or a
    clipping of 0 is left out, a momentum of 0 needs no velocity, a wider layer is of another shape.
    Every member takes one step on `batch` to tell, which it forgets.
    """
    parts: list[list[int]] = []
    for k, member in enumerate(members):
        for part in parts:
            if _are_alike(members[part[0]], member, batch):
                part.append(k)
                break
        else:
            parts.append([k])
    return parts


def _are_alike(one: Member, other: Member, batch: Batch) -> bool:
    programs = [
        replace(each.program, module=copy.deepcopy(each.program.module)) for each in (one, other)
    ]
    try:
        states = alike([program.first_state(batch.targets.device) for program in programs])
        first, second = map(_heard, programs, states, (batch, batch))
        refuse_other_calls(first, second, 1)
    except (ConfigError, CaptureError):
        return False
    return True


def _heard(program: Program, state: State, batch: Batch) -> Heard:
    rate = torch.zeros((), dtype=torch.float64, device=state.device)
    devices = [state.device] if state.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), Listener() as listener:
        program.update(program.module, state, batch, rate)
    return listener.heard
