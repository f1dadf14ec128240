"""Cures: changes of a training that Ranvier can make itself, as pure functions, no torch."""

from ranvier.diagnose.cures.cure import CURES, Case, Cure
from ranvier.diagnose.cures.practice import Practice
from ranvier.diagnose.cures.prescriptions import PRESCRIBED, Proposal, cures_for, proposals

__all__ = ["CURES", "PRESCRIBED", "Case", "Cure", "Practice", "Proposal", "cures_for", "proposals"]
