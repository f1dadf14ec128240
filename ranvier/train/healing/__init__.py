"""Trainings that mend themselves: attempts in one run, judged and kept or undone."""

from ranvier.train.healing.heal import Healing, Refused
from ranvier.train.healing.judgement import Doctor, Proposal
from ranvier.train.healing.ledger import Attempt, Ending, Ledger, Place
from ranvier.train.healing.store import BEGINS, LEDGER, in_force

__all__ = [
    "BEGINS",
    "LEDGER",
    "Attempt",
    "Doctor",
    "Ending",
    "Healing",
    "Ledger",
    "Place",
    "Proposal",
    "Refused",
    "in_force",
]
