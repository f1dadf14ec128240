"""Faults by their row in the catalogue: each changes one thing of a healthy program.

Rows that no fault is made for: what only ever follows from another row, which is where it is
provoked (11 weights that blow up, 12 plateau, 13 chance level, 14 constant output, 29 scale of
activations, 45 no regularisation, 52 rank collapse); what is no fault but a remark (20 edge of
stability, 53 spectra at the end); and 54, data that starve the step, which is a matter of the clock
and so differs from machine to machine.
"""

from benchmarks.doctor.faults import (  # noqa: F401  # each of which registers its faults
    endings,
    inputs,
    layers,
    loop,
    rates,
    regularisation,
    splits,
    starts,
    targets,
)
from benchmarks.doctor.faults.fault import FAULTS, Fault

__all__ = ["FAULTS", "Fault"]
