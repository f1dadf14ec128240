"""What would have helped a training that ended badly: short ones with one thing changed."""

from __future__ import annotations

from ranvier.apps.preflight import loss_of
from ranvier.diagnose.evidence import TrialFacts
from ranvier.diagnose.preflight.stepping import Stepping
from ranvier.diagnose.preflight.trials import MOST_UPDATES, trial_facts
from ranvier.diagnose.preflight.work import update_multiply_adds
from ranvier.step.state import named_trainable
from ranvier.train.job import Job

# By a rule without a clock, so that a run that was stopped and resumed makes the same trials: what
# an update takes at least, multiply-adds a second, and what all trials may take together.
LEAST_SECONDS, MULTIPLY_ADDS, SECONDS = 1e-3, 2e9, 2.0
TRIALS = 12


def trials_of(job: Job) -> tuple[TrialFacts, ...]:
    """The trials of a job that is before its first step.

    With its optimiser as it is described; clipping, penalties and averages are left out, and so are
    weights of rows.
    """
    program, plan = job.program(), job.plan()
    training = job.training.to(job.device)
    optimizer = Stepping(
        program.optimizer,
        named_trainable(program.module).values(),
        learning_rate=plan.learning_rate,
        weight_decay=program.optimizer.weight_decay,
    )
    rows = min(plan.batch_size or len(training), len(training))
    needed = update_multiply_adds(program.module, training.inputs, rows=rows)
    an_update = max(LEAST_SECONDS, needed / MULTIPLY_ADDS)
    return trial_facts(
        program.module,
        optimizer,
        loss_of(job),
        training.inputs,
        training.targets,
        batch_size=rows,
        updates=min(MOST_UPDATES, int(SECONDS / TRIALS / an_update)),
    )
