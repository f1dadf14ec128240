"""Tables to learn from, drawn at random: two classes, twenty-six classes, a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ranvier.core.random import generator

Array = np.ndarray


@dataclass
class Table:
    """Columns as the user has them, inputs as the network has them, and what is to be predicted."""

    target: str
    columns: dict[str, list[Any]]
    inputs: Array
    truth: Array
    classes: tuple[str, ...] = ()
    profiles: list[dict[str, Any]] = field(default_factory=list)


def people(rows: int) -> Table:
    """Two classes, out of columns of every kind."""
    draw = generator(1, "people")
    age = draw.gamma(9, 4.4, rows).clip(17, 90).round()
    hours = draw.normal(40, 11, rows).clip(1, 99).round()
    jobs = ["clerk", "engineer", "farmer", "teacher", "nurse", "driver"]
    job = draw.integers(0, len(jobs), rows)
    pay = np.array([-0.6, 1.4, -0.8, 0.3, 0.2, -0.5])[job]
    gain = np.where(draw.random(rows) < 0.08, draw.lognormal(8, 1, rows), 0.0).round(2)
    score = 0.05 * (age - 40) + 0.05 * (hours - 40) + pay + 0.9 * (gain > 3000)
    score -= 0.0022 * (age - 47) ** 2
    truth = (score + draw.logistic(0, 0.75, rows) > 0.3).astype(np.int64)
    classes = ("at most 50K", "more than 50K")
    columns = {
        "age": age.tolist(),
        "hours per week": hours.tolist(),
        "occupation": [jobs[code] for code in job],
        "capital gain": gain.tolist(),
        "id": list(range(10_000, 10_000 + rows)),
        "income": [classes[code] for code in truth],
    }
    one_hot = np.eye(len(jobs))[job]
    inputs = np.column_stack([standard(age), standard(hours), standard(np.log1p(gain)), one_hot])
    kinds = ["numeric", "numeric", "category", "numeric", "identifier", "target"]
    why = [
        f"{len(set(columns['age']))} distinct whole numbers", "numbers", "6 distinct words",
        "numbers, 92 % of them 0", "every row has its own value", "named by the user",
    ]  # fmt: skip
    profiles = [profile(n, k, w, columns[n]) for n, k, w in zip(columns, kinds, why, strict=True)]
    for column, tells in zip(profiles, (0.41, 0.28, 0.36, 0.12), strict=False):
        column["association"] = tells
    return Table("income", columns, inputs, truth, classes, profiles)


def letters(rows: int) -> Table:
    """Twenty-six classes out of sixteen numbers, some letters near each other."""
    draw = generator(2, "letters")
    classes = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    centres = draw.normal(0, 1.45, (26, 16))
    for one, other in (("O", "Q"), ("I", "J"), ("B", "R"), ("H", "K"), ("F", "P")):
        a, b = classes.index(one), classes.index(other)
        centres[b] = centres[a] + draw.normal(0, 0.5, 16)
    truth = draw.integers(0, 26, rows)
    values = centres[truth] + draw.normal(0, 1.0, (rows, 16))
    names = [f"edge {axis} {part}" for axis in "xy" for part in range(1, 9)]
    columns: dict[str, list[Any]] = {
        name: values[:, index].round(3).tolist() for index, name in enumerate(names)
    }
    columns["letter"] = [classes[code] for code in truth]
    kinds = ["numeric"] * 16 + ["target"]
    profiles = [
        profile(name, kind, "numbers" if kind == "numeric" else "named by the user", columns[name])
        for name, kind in zip(columns, kinds, strict=True)
    ]
    return Table("letter", columns, standard(values), truth, classes, profiles)


def houses(rows: int) -> Table:
    """A number to predict, with a long tail."""
    draw = generator(3, "houses")
    area = draw.lognormal(4.6, 0.4, rows).round(1)
    rooms = (area / 28 + draw.normal(0, 0.8, rows)).clip(1, 12).round()
    place = draw.integers(0, 4, rows)
    age = draw.exponential(35, rows).clip(0, 180).round()
    worth = np.array([1.0, 1.35, 0.7, 2.1])[place]
    price = 2400 * area * worth * np.exp(-age / 260) * draw.lognormal(0, 0.13, rows)
    towns = ["Aarau", "Bern", "Chur", "Zürich"]
    columns = {
        "living area": area.tolist(),
        "rooms": rooms.tolist(),
        "town": [towns[code] for code in place],
        "age": age.tolist(),
        "country": ["CH"] * rows,
        "price": price.round(-2).tolist(),
    }
    columns["rooms"][3] = None
    inputs = np.column_stack([standard(area), standard(rooms), standard(age), np.eye(4)[place]])
    kinds = ["numeric", "numeric", "category", "numeric", "constant", "target"]
    why = ["numbers", "numbers", "4 distinct words", "numbers", "one value only", "named by user"]
    profiles = [profile(n, k, w, columns[n]) for n, k, w in zip(columns, kinds, why, strict=True)]
    return Table("price", columns, inputs, price.round(-2), (), profiles)


def standard(values: Array) -> Array:
    return (values - values.mean(0)) / values.std(0)


def profile(name: str, kind: str, why: str, values: Sequence[Any]) -> dict[str, Any]:
    known = [value for value in values if value is not None]
    told: dict[str, Any] = {
        "name": name, "kind": kind, "why": why, "missing": len(values) - len(known),
        "distinct": len(set(known)), "examples": known[:5],
    }  # fmt: skip
    if all(isinstance(value, float) for value in known):
        counts, edges = np.histogram(known, bins=24)
        return told | {"histogram": {"edges": edges.tolist(), "counts": counts.tolist()}}
    if kind == "identifier":
        return told
    names, counts = np.unique([str(value) for value in known], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return told | {"top": [{"value": str(names[i]), "count": int(counts[i])} for i in order[:40]]}
