"""What is wrong with a training, with evidence: rules over what was recorded, no torch."""

from ranvier.diagnose.diagnosis import AT_THE_END, diagnose
from ranvier.diagnose.symptom import RULES, Rule, Stage, Symptom

__all__ = ["AT_THE_END", "RULES", "Rule", "Stage", "Symptom", "diagnose"]
