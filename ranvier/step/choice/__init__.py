"""Which executor and which variant runs a program on this machine: by rule, or as measured."""

from ranvier.step.choice.choice import Candidate, Choice, Trial
from ranvier.step.choice.choose import choose, executor_of
from ranvier.step.choice.limits import Limits
from ranvier.step.choice.measure import Measurement
from ranvier.step.choice.quality import is_as_good
from ranvier.step.choice.scratch import Rows, Scratch

__all__ = [
    "Candidate",
    "Choice",
    "Limits",
    "Measurement",
    "Rows",
    "Scratch",
    "Trial",
    "choose",
    "executor_of",
    "is_as_good",
]
