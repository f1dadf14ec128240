"""What is wrong with a training, with evidence: rules over what was recorded, no torch."""

from ranvier.diagnose.diagnosis import diagnose
from ranvier.diagnose.symptom import RULES, Rule, Stage, Symptom

__all__ = ["RULES", "Rule", "Stage", "Symptom", "diagnose"]
