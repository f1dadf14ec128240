"""What the layers of a network give while it trains, as records in one order."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ranvier.diagnose.budget import Budget
from ranvier.diagnose.probes.layers import (
    NAMES,
    ROWS_TO_BE_DEAD,
    dead_shares,
    looked_at,
    seems_dead,
    statistics,
)

PROBE_ROWS = 32


class Activations:
    """Looks at all layers on a few rows, and at silent units on more where there is time for it.

    `layers` are their names in the order of every record, `output_layer` the one whose values come
    out of the network, None where something is done to them first.
    """

    def __init__(self, module: nn.Module, rows: Tensor, budget: Budget) -> None:
        self._module, self._rows, self._budget = module, rows, budget
        found = looked_at(module, rows[:PROBE_ROWS])
        self.layers = [each.name for each in found]
        self.output_layer = next((each.name for each in found if each.is_output), None)

    def look(self) -> dict[str, Any]:
        """Each statistic by name, a list over the layers."""
        with self._budget.spending("activations"):
            table = statistics(self._module, self._rows[:PROBE_ROWS])
        silent = [each for each in table.values() if seems_dead(each)]
        if silent and self._budget.affords("dead units"):
            with self._budget.spending("dead units"):
                shares = dead_shares(self._module, self._rows[:ROWS_TO_BE_DEAD])
            for name, each in table.items():
                each["dead"] = shares.get(name)
        elif len(self._rows) > PROBE_ROWS:
            for each in silent:
                each["dead"] = None  # so few rows cannot tell
        nothing = dict.fromkeys(NAMES)
        rows = [table.get(name, nothing) for name in self.layers]
        return {name: [row[name] for row in rows] for name in NAMES}
