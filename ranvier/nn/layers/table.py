"""A row of a table becomes features, a handful of operations for any number of columns."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ranvier.nn.modules import MODULES, Children
from ranvier.spec import Node
from ranvier.spec import TableFeatures as TableLayer


class TableFeatures(nn.Module):
    """[numbers; one-hot columns; embedded columns], all columns of a kind at once.

    Columns that are embedded in equally many features share one table of weights, each at its
    own offset, so that a lookup is one operation and not one per column.

    Shapes: [batch, columns] -> [batch, features].
    """

    column: Tensor
    level: Tensor
    opposite: Tensor

    def __init__(self, layer: TableLayer, children: Children) -> None:
        super().__init__()
        self.numeric = layer.numeric
        self.numbers = children.get("numbers")
        self._keep_one_hot(layer.one_hot_columns())
        self.embedded = tuple(layer.embedded_columns())
        for units, group in layer.embedded_columns().items():
            sizes = torch.tensor([k for _, k in group])
            self._keep(f"columns_{units}", (layer.numeric + i for i, _ in group))
            self._keep(f"offsets_{units}", (sizes.cumsum(0) - sizes).tolist())
            weight = nn.Parameter(torch.empty(int(sizes.sum()), units))
            self.register_parameter(f"embedding_{units}", weight)

    def _keep(self, name: str, values: Iterable[int | float]) -> None:
        self.register_buffer(name, torch.tensor(list(values)), persistent=False)

    def _keep_one_hot(self, columns: list[tuple[int, int]]) -> None:
        """One output per known value: +1 at `level`, −1 at `opposite` (never, but for twos)."""
        outputs = [
            (self.numeric + i, level, 1 if k == 3 else -1)
            for i, k in columns
            for level in ([2] if k == 3 else range(1, k))
        ]
        self.has_one_hot = bool(outputs)
        for part, name in enumerate(("column", "level", "opposite")):
            self._keep(name, (output[part] for output in outputs))

    def forward(self, input: Tensor) -> Tensor:
        parts = []
        if self.numeric:
            numbers = input[:, : self.numeric]
            parts.append(numbers if self.numbers is None else self.numbers(numbers))
        if self.has_one_hot:
            codes = input.index_select(1, self.column)
            signs = codes.eq(self.level).to(input.dtype) - codes.eq(self.opposite).to(input.dtype)
            parts.append(signs)
        for units in self.embedded:
            columns = getattr(self, f"columns_{units}")
            rows = input.index_select(1, columns).long() + getattr(self, f"offsets_{units}")
            parts.append(F.embedding(rows, getattr(self, f"embedding_{units}")).flatten(1))
        return torch.cat(parts, dim=1)


@MODULES.register("table_features")
def _make(node: Node, children: Children) -> nn.Module:
    assert isinstance(node.layer, TableLayer)
    return TableFeatures(node.layer, children)
