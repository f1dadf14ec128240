"""Choices kept on this machine: what was measured once holds for the same program ever after."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from ranvier.core.errors import ConfigError, RunError
from ranvier.core.version import VERSION
from ranvier.runs.documents import read_document, write_document
from ranvier.step.choice.choice import Choice
from ranvier.step.choice.limits import Limits
from ranvier.step.choice.processor import processor
from ranvier.step.executors import EXECUTORS
from ranvier.step.objective import Batch
from ranvier.step.program import Program
from ranvier.step.state import State


def key_of(
    program: Program,
    state: State,
    batch: Batch,
    *,
    planned_updates: int,
    limits: Limits,
    data: str = "",
) -> str:
    """The name of a program on this machine: of all that a choice depends on.

    Two programs share it if network, loss, optimiser and settings read the same, on batches of the
    same form; a machine shares it if processor, threads and versions are the same. `data` tells
    rows from others of the same form.
    """
    device = state.device
    is_cuda = device.type == "cuda"
    told = {
        "network": repr(program.module),
        "tensors": {name: _form(tensor) for name, tensor in state.named().items()},
        "program": {
            each.name: repr(getattr(program, each.name))
            for each in fields(program)
            if each.name not in ("module", "variant")
        },
        "batch": [None if tensor is None else _form(tensor) for tensor in batch],
        "data": data,
        "planned_updates": planned_updates,
        "exact": limits.exact,
        "forced": dict(limits.forced),
        "threads": torch.get_num_threads(),
        "versions": [VERSION, torch.__version__],
        "processor": [processor().name, *sorted(processor().flags)],
        "device": torch.cuda.get_device_name(device) if is_cuda else "cpu",
    }
    text = json.dumps(told, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def load_choice(cache: Path, key: str) -> Choice | None:
    """The choice kept under `key`; None where there is none that this Ranvier can read."""
    try:
        choice = Choice.from_json(read_document(_file(cache, key)))
    except (RunError, ConfigError, OSError):
        return None
    return choice if choice.executor in EXECUTORS else None


def keep_choice(cache: Path, key: str, choice: Choice) -> bool:
    """Keep it, whole or not at all; whether it is kept."""
    file = _file(cache, key)
    try:
        file.parent.mkdir(mode=0o700, exist_ok=True)
        write_document(file, choice.to_json())
    except (RunError, OSError):
        return False
    return True


def _file(cache: Path, key: str) -> Path:
    return cache / "choices" / f"{key}.json"


def _form(tensor: torch.Tensor) -> list[Any]:
    return [list(tensor.shape), list(tensor.stride()), str(tensor.dtype)]
