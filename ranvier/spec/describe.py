"""A network described for people: a table of every layer, with totals, as text, HTML and JSON."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from ranvier.core.shapes import Shape, size
from ranvier.spec.folding import folded
from ranvier.spec.trace import Node

_BYTES = 4  # of a float32


@dataclass(frozen=True)
class Row:
    """One line of the table; `times` is how often the layer comes where a block repeats."""

    path: str
    kind: str
    depth: int
    times: int
    output_shapes: tuple[Shape, ...]
    parameters: int
    flops: int
    memory: int
    equation: str
    initialisation: str

    @property
    def output_shape(self) -> Shape:
        """The shape of the output, the first one where there are several."""
        return self.output_shapes[0]


@dataclass(frozen=True)
class Description:
    """What `Network.describe` gives; printing it shows the table.

    Parameters, FLOPs and memory are of one time where a block repeats; the totals count all.
    A multiply–add is two FLOPs. Memory is the output of one sample in float32.
    """

    name: str | None
    input_shapes: tuple[Shape, ...]
    output_shapes: tuple[Shape, ...]
    rows: tuple[Row, ...]
    parameters: int
    flops: int
    memory: int
    members: int | None

    @classmethod
    def of(cls, node: Node) -> Description:
        """The description of a network that was laid out for an input."""
        rows = tuple(_rows(node, 0, 1))
        inner = [each for each in node.walk() if each.equation]
        return cls(
            name=node.layer.name,
            input_shapes=node.inputs,
            output_shapes=node.outputs,
            rows=rows,
            parameters=node.num_parameters,
            flops=node.total_flops,
            memory=_BYTES * (node.num_parameters + sum(map(_numbers, inner))),
            members=node.layer.members_after(None),
        )

    @property
    def input_shape(self) -> Shape:
        """The shape of the input, the first one where there are several."""
        return self.input_shapes[0]

    @property
    def output_shape(self) -> Shape:
        """The shape of the output, the first one where there are several."""
        return self.output_shapes[0]

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON values; of several inputs or outputs the first also alone."""
        rows = [vars(row) | _shapes("output", row.output_shapes) for row in self.rows]
        return {
            "name": self.name,
            **_shapes("input", self.input_shapes),
            **_shapes("output", self.output_shapes),
            "members": self.members,
            "parameters": self.parameters,
            "flops": self.flops,
            "memory": self.memory,
            "layers": rows,
        }

    def __str__(self) -> str:
        return self.text()

    def text(self, *, width: int | None = None) -> str:
        """The table as text; equations go below their layers where they do not fit in `width`."""
        header = ("layer", "output shape", "parameters", "FLOPs", "memory", "equation")
        lines = [header, *(self._cells(row) for row in self.rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(5)]
        text = [_line(line, widths) for line in lines]
        if width is not None and max(map(len, text)) > width:
            text = [_line((*line[:5], ""), widths) for line in lines]
            for index, row in enumerate(self.rows, start=1):
                indent = "  " * (row.depth + 2)
                text[index] += "".join(
                    "\n" + line
                    for line in wrap(row.equation, width, initial_indent=indent,
                                     subsequent_indent=indent + "  ")
                )  # fmt: skip
        rule = "─" * (sum(widths) + 2 * len(widths) + 8)
        parts = [
            f"{self._title()}  {_listed(self.input_shapes)} → {_listed(self.output_shapes)}",
            text[0],
            rule,
        ]
        return "\n".join([*parts, *text[1:], rule, self.totals(), *self.starts()])

    def _title(self) -> str:
        return self.name or "network"

    def _cells(self, row: Row) -> tuple[str, ...]:
        times = f" ×{row.times}" if row.times > 1 else ""
        return (
            "  " * row.depth + row.path.rpartition(".")[2] + times,
            _listed(row.output_shapes),
            f"{row.parameters:,}" if row.parameters else "",
            short(row.flops) if row.flops else "",
            bytes_of(row.memory) if row.memory else "",
            row.equation,
        )

    def totals(self) -> str:
        """One sentence with what the whole network costs."""
        members = f", an ensemble of {self.members} members" if self.members else ""
        return (
            f"{self.parameters:,} parameters, {short(self.flops)} FLOPs a sample forward "
            f"(a multiply–add is 2), {bytes_of(self.memory)} for the weights and one sample's "
            f"outputs in float32{members}"
        )

    def starts(self) -> list[str]:
        """One line per way in which weights start, with the layers that start so."""
        found: dict[str, list[str]] = {}
        for row in self.rows:
            if row.initialisation:
                found.setdefault(row.initialisation, []).append(row.path)
        return [f"weights start as {way} in {_some(paths)}" for way, paths in found.items()]

    def _repr_html_(self) -> str:
        header = ["layer", "output shape", "parameters", "FLOPs", "memory", "equation"]
        head = "".join(f"<th style='text-align:left'>{word}</th>" for word in header)
        body = "".join(
            "<tr>"
            + "".join(
                f"<td style='text-align:left;white-space:pre'>{html.escape(cell)}</td>"
                for cell in self._cells(row)
            )
            + "</tr>"
            for row in self.rows
        )
        end = "<br>".join(html.escape(line) for line in [self.totals(), *self.starts()])
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{end}</p>"


def _rows(node: Node, depth: int, times: int) -> Iterator[Row]:
    if node.path:
        yield _row(node, depth, times)
        depth += 1
    for child, count in folded(node):
        yield from _rows(child, depth, count)


def _row(node: Node, depth: int, times: int) -> Row:
    inside = bool(node.children)
    return Row(
        path=node.path,
        kind=node.layer.kind,
        depth=depth,
        times=times,
        output_shapes=node.outputs,
        parameters=node.num_parameters,
        flops=node.total_flops,
        memory=0 if inside and not node.equation else _BYTES * _numbers(node),
        equation=node.equation,
        initialisation=node.layer.initialisation(),
    )


def _numbers(node: Node) -> int:
    return sum(map(size, node.outputs))


def _listed(shapes: tuple[Shape, ...]) -> str:
    return " and ".join(map(str, shapes))


def _shapes(of: str, shapes: tuple[Shape, ...]) -> dict[str, Any]:
    listed = [list(shape) for shape in shapes]
    return {f"{of}_shape": listed[0], f"{of}_shapes": listed}


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    first = [cells[0].ljust(widths[0]), cells[1].ljust(widths[1])]
    numbers = [cells[i].rjust(widths[i]) for i in (2, 3, 4)]
    return "  ".join([*first, *numbers, cells[5]]).rstrip()


def _some(paths: list[str]) -> str:
    listed = ", ".join(paths[:3])
    return listed + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")


def short(number: int) -> str:
    """A count in a few characters.

    >>> short(950), short(12_300), short(4_500_000)
    ('950', '12.3 k', '4.5 M')
    """
    value, units = float(number), iter(("", " k", " M", " G", " T", " P"))
    unit = next(units)
    while value >= 999.5 and unit != " P":
        value, unit = value / 1000, next(units)
    return f"{value:.3g}{unit}" if unit else str(number)


def bytes_of(number: int) -> str:
    """A size in a few characters.

    >>> bytes_of(512), bytes_of(4096)
    ('512 B', '4 KiB')
    """
    value, units = float(number), iter(("B", "KiB", "MiB", "GiB", "TiB"))
    unit = next(units)
    while value >= 1023.5 and unit != "TiB":
        value, unit = value / 1024, next(units)
    return f"{value:.3g} {unit}" if unit != "B" else f"{number} B"
