"""What was recorded of a training, as plain numbers: the only thing that rules see."""

from ranvier.diagnose.evidence.evidence import Evaluation, Evidence
from ranvier.diagnose.evidence.facts import (
    Facts,
    InputFacts,
    LabelFacts,
    LayerFacts,
    LossFacts,
    OptimizerFacts,
    OutputFacts,
    ParameterFacts,
    ProbeFacts,
    SplitFacts,
    TargetFacts,
    TrialFacts,
)
from ranvier.diagnose.evidence.looks import Looks
from ranvier.diagnose.evidence.series import Series
from ranvier.diagnose.evidence.trials import Trials

__all__ = [
    "Evaluation",
    "Evidence",
    "Facts",
    "InputFacts",
    "LabelFacts",
    "LayerFacts",
    "Looks",
    "LossFacts",
    "OptimizerFacts",
    "OutputFacts",
    "ParameterFacts",
    "ProbeFacts",
    "Series",
    "SplitFacts",
    "TargetFacts",
    "TrialFacts",
    "Trials",
]
