"""What can be known before the first update: facts about rows, labels, network, loss, optimiser."""

from ranvier.diagnose.preflight.data import input_facts, split_facts, target_facts
from ranvier.diagnose.preflight.examine import examine
from ranvier.diagnose.preflight.labels import label_facts
from ranvier.diagnose.preflight.losses import loss_facts
from ranvier.diagnose.preflight.wiring import layer_facts, output_facts, parameter_facts

__all__ = [
    "examine",
    "input_facts",
    "label_facts",
    "layer_facts",
    "loss_facts",
    "output_facts",
    "parameter_facts",
    "split_facts",
    "target_facts",
]
