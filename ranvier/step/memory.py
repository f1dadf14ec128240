"""How much memory a training will need, before any of it is taken."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor

from ranvier.step.probes import layer_outputs
from ranvier.step.program import Program
from ranvier.step.state import named_trainable

# Every output that is kept for the backward pass has a gradient beside it for a while.
OUTPUT_AND_GRADIENT = 2
# The longest axis of a stand-in for a parameter.
SMALL = 32
FREE = Path("/proc/meminfo")
LIMIT, USED = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")


def memory_needed(program: Program, inputs: Tensor, *, rows: int) -> int:
    """Bytes that updates of so many rows take beside the data, about:

        θ · (gradient + slots of the optimiser + average + best weights)
          + 2 · rows of one part · what layers give for a row

    `inputs` is a row or more to send through the network.
    """
    named = named_trainable(program.module)
    own = sum(_bytes(each) for each in program.module.parameters())
    trained = sum(_bytes(each) for each in named.values())
    averages = trained if program.average_decay or program.average_after is not None else 0
    outputs = layer_outputs(program.module, inputs[:1]).values()
    of_a_row = sum(_bytes(each) for each in outputs)
    at_once = math.ceil(rows / program.accumulate)
    states = trained + _slots(program) + averages + own
    return states + OUTPUT_AND_GRADIENT * at_once * of_a_row


def _slots(program: Program) -> int:
    """The optimiser's slots: so many times the parameters as those of small stand-ins take.

    Tensors without memory (`device="meta"`) would say it exactly, and take most of a second at
    their first use in a process for what torch imports.
    """
    whole = named_trainable(program.module)
    named = {
        name: torch.zeros([min(SMALL, size) for size in each.shape]) for name, each in whole.items()
    }
    parameters: list[Tensor] = list(named.values())
    slots = [g.optimizer.slots(g.of(parameters)) for g in program.groups(named)]
    every = [*slots, program.optimizer.shared_slots(parameters)]
    taken = sum(_bytes(each) for own in every for tensors in own.values() for each in tensors)
    small = max(1, sum(map(_bytes, parameters)))
    return math.ceil(taken / small * sum(map(_bytes, whole.values())))


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def memory_available(device: torch.device) -> int | None:
    """Bytes that may still be taken on the device; None where the system does not say."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free
    known = [bytes_ for bytes_ in (_free(), _allowed()) if bytes_ is not None]
    return min(known, default=None)


def _free() -> int | None:
    try:
        lines = FREE.read_text().splitlines()
    except OSError:
        return None
    words = next((line.split() for line in lines if line.startswith("MemAvailable:")), None)
    return int(words[1]) * 1024 if words else None


def _allowed() -> int | None:
    """What is left of the limit that this process was given with others."""
    try:
        limit, used = LIMIT.read_text().strip(), USED.read_text().strip()
    except OSError:
        return None
    return int(limit) - int(used) if limit.isdigit() and used.isdigit() else None
