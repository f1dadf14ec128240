"""Preflight of a job: what can be known of it before its first update, and whether it may begin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from ranvier.core.errors import PreflightError
from ranvier.core.finding import Finding
from ranvier.diagnose import diagnose
from ranvier.diagnose.evidence import Facts, OptimizerFacts, ProbeFacts
from ranvier.diagnose.preflight import examine
from ranvier.diagnose.preflight.work import update_multiply_adds
from ranvier.losses import PerMember
from ranvier.optim import Optimizer
from ranvier.runs.history import History
from ranvier.step.memory import memory_available, memory_needed
from ranvier.step.state import named_trainable
from ranvier.train.job import Job

# The share of a training's own time that experiments may take, within bounds of seconds, and how
# long a training takes, by a rule in which no clock has a say.
SHARE, LEAST_SECONDS, MOST_SECONDS = 0.05, 0.1, 2.0
MULTIPLY_ADDS = 5e10
# A step's kernels need memory of their own beside what is counted.
MOST_OF_MEMORY = 0.9


@dataclass(frozen=True)
class Preflight:
    """What was measured, and what is wrong with it, the primary cause first."""

    facts: Facts
    findings: tuple[Finding, ...]

    @property
    def said(self) -> list[Finding]:
        """What is worth a line in a terminal: errors and warnings that no other one explains."""
        return [each for each in self.findings if each.severity != "information"]

    @property
    def records(self) -> tuple[tuple[str, dict[str, Any]], ...]:
        """What a run keeps of it."""
        found = [("finding", {"step": 0, **each.to_json()}) for each in self.said]
        return (("preflight", self.facts.to_json()), *found)

    def require_no_error(self) -> None:
        """Go on, or say what must be mended first.

        Raises:
            PreflightError: an error was found.
        """
        errors = [each for each in self.findings if each.severity == "error"]
        if not errors:
            return
        listed = "\n".join(f"  {each.where}: {each.symptom}. {each.advice}" for each in errors)
        raise PreflightError(
            f"before the first update {len(errors)} "
            f"error{'s were' if len(errors) > 1 else ' was'} found:\n{listed}\n"
            "Mend this first, or train all the same with --no-preflight (preflight=False)."
        )


def preflight(
    job: Job,
    *,
    names: Sequence[str] = (),
    looked_up: int = 0,
    said: Sequence[Finding] = (),
) -> Preflight:
    """Examine the rows, the network, its loss and its optimiser as they will train.

    `names` are the inputs', the last `looked_up` of which are codes with no scale of their own;
    `said` are findings about the data that need not be said again.
    """
    memory = _memory(job)
    too_large = _too_large(memory, job)
    if too_large:
        # Nothing is tried with what would not fit.
        return Preflight(Facts(probes=memory), tuple(too_large))
    facts = _as_read(_facts(job, names), looked_up, memory)
    records = [{"kind": "preflight", **facts.to_json()}]
    records += [{"kind": "finding", **each.to_json()} for each in said]
    # Findings that say the same of several places come back as one.
    before = {(each.number, each.symptom) for each in said}
    new = [e for e in diagnose(History(records)) if (e.number, e.symptom) not in before]
    return Preflight(facts, tuple(new))


def _as_read(facts: Facts, looked_up: int, memory: ProbeFacts) -> Facts:
    """The facts with what is known of the rows besides their numbers, and of memory."""
    inputs, split, probes = facts.inputs, facts.split, facts.probes or ProbeFacts()
    if looked_up and inputs is not None:
        numbers = len(inputs.std) - looked_up
        unscaled = (*inputs.indicators[:numbers], *[True] * looked_up)
        inputs = replace(inputs, indicators=unscaled)
    if split is not None:
        # Rows that are equal were looked for where the data was read, by more than their numbers.
        split = replace(split, shared=None)
    # The loop shuffles rows anew every epoch, whatever order they come in.
    labels = None if facts.labels is None else replace(facts.labels, ordered=None)
    probes = replace(
        probes, memory_bytes=memory.memory_bytes, memory_available=memory.memory_available
    )
    return replace(facts, inputs=inputs, labels=labels, split=split, probes=probes)


def _facts(job: Job, names: Sequence[str]) -> Facts:
    program, settings = job.program(), job.settings
    training = job.training.to(job.device)
    validation = None if job.validation is None else job.validation.to(job.device)
    rate = float(settings.learning_rate or program.optimizer.learning_rate)
    return examine(
        program.module,
        optimizer=_described(program.optimizer, rate),
        optimized=named_trainable(program.module).values(),
        loss=loss_of(job),
        train=(training.inputs, training.targets),
        validation=None if validation is None else (validation.inputs, validation.targets),
        weights=training.weights,
        batch_size=job.plan().batch_size or len(training),
        names=names,
        seconds=_seconds(job),
    )


def loss_of(job: Job) -> Callable[..., Tensor]:
    """The loss as training calls it, of what the network gives."""
    loss = job.loss if job.head.members is None else PerMember(job.loss)

    def through_head(outputs: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        return loss(job.head.for_loss(outputs), targets, weights)

    through_head.__name__ = job.loss.kind
    return through_head


def _described(optimizer: Optimizer, learning_rate: float) -> OptimizerFacts:
    momentum = getattr(optimizer, "momentum", getattr(optimizer, "beta1", None))
    return OptimizerFacts(
        kind=optimizer.kind,
        learning_rate=learning_rate,
        momentum=momentum if isinstance(momentum, float) else None,
        epsilon=getattr(optimizer, "epsilon", None),
        weight_decay=optimizer.weight_decay,
    )


def _seconds(job: Job) -> float:
    """What experiments may take: a share of the training, so that they never outweigh it."""
    rows = len(job.training) * job.plan().epochs
    training = update_multiply_adds(job.module, job.training.inputs, rows=rows) / MULTIPLY_ADDS
    return min(MOST_SECONDS, max(LEAST_SECONDS, SHARE * training))


def _memory(job: Job) -> ProbeFacts:
    inputs = job.training.inputs[:1].to(job.device)
    rows = min(len(job.training), job.plan().batch_size or len(job.training))
    return ProbeFacts(
        memory_bytes=memory_needed(job.program(), inputs, rows=rows),
        memory_available=memory_available(job.device),
    )


def _too_large(probes: ProbeFacts, job: Job) -> list[Finding]:
    """The error that a training does not fit into the memory that there is."""
    if probes.memory_bytes is None or probes.memory_available is None:
        return []
    if probes.memory_bytes <= MOST_OF_MEMORY * probes.memory_available:
        return []
    needed, free = probes.memory_bytes / 2**30, probes.memory_available / 2**30
    rows = job.plan().batch_size or len(job.training)
    return [
        Finding(
            severity="error",
            symptom="more memory than there is",
            category="architecture",
            where=f"{job.device}, {rows:,} rows an update",
            advice=f"An update needs about {needed:.1f} GiB beside the data and {free:.1f} GiB are "
            "free. Lower batch_size, split the rows of an update with accumulate, or take a "
            "smaller network.",
            evidence={"needed_bytes": probes.memory_bytes, "free_bytes": probes.memory_available},
        )
    ]
