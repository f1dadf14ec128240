"""The few ways to run a program that are worth a trial, by rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

from ranvier.step.choice.choice import Candidate, Choice
from ranvier.step.choice.limits import Limits
from ranvier.step.choice.operations import multiply_adds
from ranvier.step.choice.processor import processor
from ranvier.step.choice.scratch import Scratch
from ranvier.step.executors import EXECUTORS
from ranvier.step.objective import Batch
from ranvier.step.program import Program
from ranvier.step.recurrent import FUSED, has_fused_kernels
from ranvier.step.state import State
from ranvier.step.variants import Variant

# In the order of what is usually fastest.
_ON_PROCESSOR = ("native", "replay", "eager")
_ON_CUDA = ("cudagraph", "replay", "eager")
# Below so many multiply-adds an update the native library is taken unmeasured. On two cores of an
# AMD EPYC 9005 784-512-256-10 on 128 rows, 205 million, takes half the time of a replay.
SMALL = 300_000_000


def executors(device: torch.device, limits: Limits) -> list[Candidate]:
    """Every executor that may run the program as it is written, the likely fastest first."""
    usual = _ON_CUDA if device.type == "cuda" else _ON_PROCESSOR
    forced = limits.forced.get("executor")
    names = usual if forced is None else (forced,)
    every = [Candidate(name, limits.base) for name in names if name in EXECUTORS]
    return [candidate for candidate in every if limits.allow(candidate)]


def by_rule(program: Program, state: State, batch: Batch, limits: Limits, reason: str) -> Choice:
    """The usual executor for a program of this size, in the variant that is forced or usual."""
    usual = executors(state.device, limits) or [Candidate("eager", limits.base)]
    if len(usual) > 1 and multiply_adds(program.module, state, len(batch.targets)) >= SMALL:
        usual = [way for way in usual if way.executor != "native"]
    return Choice(usual[0], f"by rule, as {reason}")


def variants(scratch: Scratch, batch: Batch, executor: str, limits: Limits) -> list[Candidate]:
    """Other variants on `executor` that could be faster: of what the network really calls.

    bfloat16 needs units that multiply it, plain attention an attention to replace and a processor,
    where the fused kernel is not always the faster one, fused recurrent layers the native library.
    """
    base = limits.base
    called = _called(scratch, batch)
    on_processor = scratch.state.device.type == "cpu"
    half = processor().multiplies_bfloat16 if on_processor else torch.cuda.is_bf16_supported()
    found = [base]
    if on_processor and F.scaled_dot_product_attention in called:
        found.append(replace(base, attention="plain"))
    if on_processor and F.conv2d in called:
        found.append(replace(base, layout="channels_first"))
    if on_processor and called & FUSED.keys() and has_fused_kernels():
        found.append(replace(base, recurrent="fused"))
    if half:
        found += [replace(variant, number_format="bfloat16") for variant in found]
    candidates = [Candidate(executor, variant) for variant in dict.fromkeys(found)]
    return [each for each in candidates if each.variant != base and limits.allow(each)]


def in_bfloat16(candidate: Candidate, limits: Limits) -> list[Candidate]:
    """The same with products in bfloat16, where the processor multiplies it."""
    if not processor().multiplies_bfloat16:
        return []
    halved = Candidate(candidate.executor, replace(candidate.variant, number_format="bfloat16"))
    return [halved] if halved != candidate and limits.allow(halved) else []


def with_one_thread(candidate: Candidate, limits: Limits) -> list[Candidate]:
    """The same on one thread, which is faster where waiting costs more than the work."""
    variant: Variant = candidate.variant
    alone = Candidate(candidate.executor, replace(variant, threads=1))
    return [alone] if alone != candidate and limits.allow(alone) else []


class _Calls(TorchFunctionMode):
    """Notes which of torch's functions are called."""

    def __init__(self) -> None:
        super().__init__()
        self.functions: set[Callable[..., Any]] = set()

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        self.functions.add(function)
        return function(*args, **(kwargs or {}))


def _called(scratch: Scratch, batch: Batch) -> set[Callable[..., Any]]:
    calls = _Calls()
    with torch.no_grad(), calls:
        scratch.program.module(batch.inputs)
    return calls.functions
