"""Draw how symptoms look: for each a small training that has it, beside one that is healthy.

Run it: python examples/doctor_pictures.py docs/doctor/pictures

A picture is drawn only of a training in which the doctor finds the symptom. Data, weights and the
order of rows are functions of the seed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from doctor_trainings import (
    BY_DESCENT,
    CLASSES,
    CLASSIFIES,
    LINEAR,
    LONG,
    REGRESSES,
    Blind,
    Training,
    adam,
    dense,
    ended,
    in_order,
    killed,
    mislabelled,
    normalised,
    rare,
    sgd,
    spoilt,
    started,
    told,
    waves,
)
from torch import Tensor, nn

from ranvier.diagnose import diagnose
from ranvier.report.markup import Markup, element
from ranvier.report.plots import Guide, Series, line_chart, thin
from ranvier.report.plots.scale import domain
from ranvier.runs.history import History

WIDTH, HEIGHT, GAP, HEAD = 400, 240, 20, 26
POINTS = 110


# Curves.

Lines = tuple[list[Series], list[Guide]]


@dataclass(frozen=True)
class Curve:
    """What is drawn of a history: its name, its axis, and how it is read out."""

    name: str
    x_label: str
    read: Callable[[History], Lines]
    is_log: bool = False


def _steps(history: History, name: str) -> Lines:
    values = [value for window in history.windows for value in window[name]]
    line = thin([float(step + 1) for step in range(len(values))], values, most=POINTS)
    return [Series("", line.x, line.y)], []


def _loss(history: History) -> Lines:
    lines, _ = _steps(history, "loss")
    facts = history.of("preflight")[0].get("loss") or {}
    trivial = facts.get("trivial")
    return lines, [Guide("y", trivial, "one answer for all")] if trivial else []


def _epochs(history: History, name: str) -> list[Series]:
    epochs = [float(epoch["epoch"]) for epoch in history.epochs]
    shown = (("training rows", "probe"), ("validation rows", "validation"))
    return [
        Series(said, epochs, [(epoch.get(part) or {}).get(name) for epoch in history.epochs])
        for said, part in shown
    ]


def _same_rows(history: History) -> Lines:
    epochs = [float(epoch["epoch"]) for epoch in history.epochs]
    shown = (("in training", "train"), ("in evaluation mode", "probe"))
    return [Series(said, epochs, [epoch[part]["loss"] for epoch in history.epochs])
            for said, part in shown], []  # fmt: skip


def _accuracy(history: History) -> Lines:
    share = history.epochs[-1]["probe"].get("share")
    guides = [Guide("y", share, "the commonest class")] if share else []
    return _epochs(history, "accuracy"), guides


def _looks(history: History, kind: str, name: str) -> tuple[list[float], list[list[float]]]:
    records = history.of(kind)
    return [float(record["step"]) for record in records], [record[name] for record in records]


def _share(history: History, name: str) -> Lines:
    """By activation the share of its units, or of its values, in hundredths."""
    steps, shares = _looks(history, "activations", name)
    layers = history.of("start")[0]["layers"]
    found = []
    for place in range(1, len(layers), 2):  # after each layer of weights its activation
        known = [row[place] for row in shares]
        hundredths = [None if share is None else 100 * share for share in known]
        found.append(Series(f"layer {layers[place]}", steps, hundredths))
    return found, []


def _weights(history: History) -> Lines:
    steps, norms = _looks(history, "weights", "norm")
    shapes = history.of("start")[0]["parameter_shapes"]
    places = [place for place, shape in enumerate(shapes) if len(shape) > 1]
    return [Series(f"layer {layer + 1}", steps, [row[place] / max(norms[0][place], 1e-12)
                                                 for row in norms])
            for layer, place in enumerate(places)], []  # fmt: skip


def _by_layer(history: History) -> Lines:
    _, means = _looks(history, "weights", "gradient_mean")
    shapes = history.of("start")[0]["parameter_shapes"]
    places = [place for place, shape in enumerate(shapes) if len(shape) > 1]
    values = [sorted(row[place] for row in means)[len(means) // 2] for place in places]
    return [Series("", [float(k + 1) for k in range(len(values))], values)], []


LOSS = Curve("loss", "update", _loss)
LOG_LOSS = replace(LOSS, is_log=True)
GRADIENT = Curve("gradient norm", "update", lambda h: _steps(h, "gradient_norm"), is_log=True)
SAME_ROWS = Curve("loss of the training rows", "epoch", _same_rows)
LOSSES = Curve("loss", "epoch", lambda h: (_epochs(h, "loss"), []))
ACCURACY = Curve("accuracy", "epoch", _accuracy)
DEAD = Curve("% of the units dead", "update", lambda h: _share(h, "dead"))
SATURATED = Curve("% of the values saturated", "update", lambda h: _share(h, "saturated"))
WEIGHTS = Curve("‖w‖ ÷ ‖w₀‖", "update", _weights, is_log=True)
LAYERS = Curve("mean gradient", "layer of weights, first to last", _by_layer, is_log=True)


# Which training shows which symptom, and by which curve.


@dataclass(frozen=True)
class Shown:
    """A symptom's number, a training that has it, a healthy one, and the curve of both."""

    number: int
    ill: Training
    curve: Curve
    well: Training = CLASSIFIES


DEEP = dense(*[16] * 10, CLASSES, activation=nn.Sigmoid)
TANH = dense(32, 32, CLASSES, activation=nn.Tanh)
DRAGGED = replace(CLASSIFIES, optimizer=adam(weight_decay=10.0))
STRANGER = replace(CLASSIFIES, optimizer=lambda _: torch.optim.Adam(dense(2)().parameters()))
FEW_ROWS = replace(LONG, batch=16, epochs=60, optimizer=adam())
PICTURES = (
    Shown(1, replace(REGRESSES, optimizer=sgd(4.0), epochs=4), LOG_LOSS, REGRESSES),
    Shown(2, replace(LINEAR, optimizer=sgd(1.02)), GRADIENT, LINEAR),
    Shown(3, replace(CLASSIFIES, model=DEEP), LAYERS,
          replace(CLASSIFIES, model=dense(*[16] * 10, CLASSES))),
    Shown(4, replace(CLASSIFIES, model=killed), DEAD),
    Shown(5, replace(CLASSIFIES, model=TANH, optimizer=adam(0.3)), SATURATED,
          replace(CLASSIFIES, model=TANH)),
    Shown(6, replace(LINEAR, optimizer=sgd(0.45)), LOG_LOSS, LINEAR),
    Shown(7, replace(CLASSIFIES, optimizer=adam(1e-7)), LOSS),
    Shown(8, replace(CLASSIFIES, optimizer=adam(3e-4), rate=lambda e: 1 if e < 3 else 1e-9), LOSS),
    Shown(9, replace(CLASSIFIES, rate=lambda epoch: 2.0**epoch), LOSSES),
    Shown(10, replace(REGRESSES, optimizer=sgd(), rate=lambda e: 1.3**e), LOG_LOSS, REGRESSES),
    Shown(11, replace(CLASSIFIES, optimizer=sgd(3.0)), WEIGHTS),
    Shown(12, replace(CLASSIFIES, model=DEEP), LOSS),
    Shown(13, replace(BY_DESCENT, rows=spoilt(mislabelled), optimizer=sgd(0.01)), ACCURACY),
    Shown(14, DRAGGED, LOSS),
    Shown(15, STRANGER, LOSS),
    Shown(16, replace(BY_DESCENT, clears=False), GRADIENT, BY_DESCENT),
    Shown(17, replace(CLASSIFIES, optimizer=adam(maximize=True)), LOG_LOSS),
    Shown(22, replace(CLASSIFIES, model=started(Tensor.zero_)), LOSS),
    Shown(23, replace(CLASSIFIES, model=started(lambda w: w.mul_(30))), LOG_LOSS),
    Shown(24, replace(BY_DESCENT, rows=spoilt(lambda x, y: (1000 * x, y)), optimizer=sgd(0.01)),
          LOG_LOSS, BY_DESCENT),
    Shown(25, replace(CLASSIFIES, rows=spoilt(lambda x, y: (x / 65025, y))), LOSS),
    Shown(27, replace(REGRESSES, rows=spoilt(lambda x, y: (x, 3000 * y + 9000), waves)), LOG_LOSS,
          REGRESSES),
    Shown(28, replace(REGRESSES, model=ended(nn.ReLU(), dense(32, 32, 1))), LOSS, REGRESSES),
    Shown(30, replace(CLASSIFIES, model=started(lambda w: w.mul_(5))), LOG_LOSS),
    Shown(31, replace(CLASSIFIES, rows=spoilt(mislabelled), epochs=20), ACCURACY,
          replace(CLASSIFIES, epochs=20)),
    Shown(33, replace(CLASSIFIES, rows=spoilt(rare)), ACCURACY),
    Shown(35, replace(CLASSIFIES, rows=spoilt(told)), ACCURACY),
    Shown(37, replace(CLASSIFIES, rows=spoilt(in_order), shuffles=False, optimizer=sgd(0.5)), LOSS),
    Shown(40, replace(FEW_ROWS, kept=48, model=dense(128, 128, CLASSES), optimizer=adam(1e-2)),
          LOSSES, LONG),
    Shown(41, replace(FEW_ROWS, kept=96), LOSSES, LONG),
    Shown(43, replace(BY_DESCENT, optimizer=sgd(0.02), epochs=8), LOSS, BY_DESCENT),
    Shown(44, DRAGGED, WEIGHTS),
    Shown(46, replace(CLASSIFIES, rows=spoilt(lambda x, y: (x + 2, y)), model=normalised),
          SAME_ROWS, replace(CLASSIFIES, model=normalised)),
    Shown(47, replace(CLASSIFIES, model=ended(nn.Softmax(1), dense(32, 32, CLASSES))), LOSS),
    Shown(48, replace(REGRESSES, model=dense(32, 32, 1, activation=nn.Identity)), LOSS, REGRESSES),
    Shown(49, replace(BY_DESCENT, loss=nn.CrossEntropyLoss(reduction="sum")), GRADIENT, BY_DESCENT),
    Shown(51, replace(CLASSIFIES, model=lambda: Blind(*dense(32, 32, CLASSES)())), LOSS),
)  # fmt: skip


# Drawing.

STYLE = """\
svg { --paper: #fff; --ink: #1b2430; --soft: #5a6675; --grid: #e6eaee; --c0: #0072b2; --c1: #d55e00;
  --c2: #009e73; --c3: #a6679c; --c4: #b8860b; --c5: #3c9dd0; --c6: #4a4a4a; }
@media (prefers-color-scheme: dark) { svg { --paper: #12161b; --ink: #e8ecf1; --soft: #a0acba;
  --grid: #29313a; --c0: #58b4ec; --c1: #ff9350; --c2: #2cc79d; --c3: #d99ccf; --c4: #e9bd4a;
  --c5: #9ad4f5; --c6: #c3c9d0; } }
.paper { fill: var(--paper); }
text { fill: var(--ink); font: 12.5px system-ui, sans-serif; }
text.head { font-weight: 600; font-size: 14px; }
.tick, .note { fill: var(--soft); }
.halo { paint-order: stroke; stroke: var(--paper); stroke-width: 4px; }
.grid, .axis, .guide, .line, .swatch { fill: none; }
.grid { stroke: var(--grid); } .axis, .guide { stroke: var(--soft); }
.guide { stroke-dasharray: 4 3; }
.line, .swatch { stroke: var(--mark); stroke-width: 1.9; stroke-linejoin: round; }
.dot { fill: var(--mark); }
.c1.line, .c1.swatch { stroke-dasharray: 7 3; }
""" + "\n".join(f".c{k} {{ --mark: var(--c{k}); }}" for k in range(7))
HITS = re.compile(r'<g class="hits">.*?</g>', re.DOTALL)


def span(histories: Sequence[History], curve: Curve) -> tuple[float, float] | None:
    """An axis that both panels share, so that flat looks flat; powers of ten need none."""
    if curve.is_log:
        return None
    both = [curve.read(history) for history in histories]
    values = [value for lines, _ in both for line in lines for value in line.y]
    return domain(values, include=[guide.value for _, guides in both for guide in guides])


def panel(
    history: History, curve: Curve, title: str, left: float, axis: tuple[float, float] | None
) -> Markup:
    """A history's curve under a title, this far from the left."""
    lines, guides = curve.read(history)
    plot = line_chart(
        lines, title=title, description=curve.name, x_label=curve.x_label, y_label=curve.name,
        is_log=curve.is_log, guides=guides, y_range=axis,
    )  # fmt: skip
    assert plot is not None, title
    # What answers to a pointer on a page is of no use in a picture.
    still = HITS.sub("", plot).replace("<svg ", f'<svg width="{WIDTH}" height="{HEIGHT}" ', 1)
    head = element("text", title, x=12, y=18, class_="head")
    return element("g", head, element("g", Markup(still), transform=f"translate(0 {HEAD})"),
                   transform=f"translate({left:g} 0)")  # fmt: skip


class NotFound(Exception):
    """A training that is to show a symptom does not have it, as the doctor sees it."""


def picture(shown: Shown) -> str:
    """A healthy training's curve beside that of one with the symptom.

    Raises:
        NotFound: the doctor does not find the symptom in it.
    """
    ill, well = shown.ill.run(), shown.well.run()
    found = {finding.number: finding.symptom for finding in diagnose(ill)}
    if shown.number not in found:
        raise NotFound(
            f"symptom {shown.number}: the doctor finds {', '.join(found.values()) or 'nothing'} in "
            "the training that is to show it; choose another one in PICTURES"
        )
    axis = span((well, ill), shown.curve)
    width, height = 2 * WIDTH + GAP, HEIGHT + HEAD
    drawn = element(
        "svg",
        element("style", Markup(STYLE)),
        element("rect", width=width, height=height, class_="paper"),
        panel(well, shown.curve, "healthy", 0, axis),
        panel(ill, shown.curve, found[shown.number], WIDTH + GAP, axis),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width} {height}",
    )
    return f"{drawn}\n"


def main(folder: str) -> None:
    """Write every picture into `folder`, under the number of its symptom."""
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    for old in place.glob("*.svg"):
        old.unlink()
    missing = []
    for shown in PICTURES:
        try:
            (place / f"{shown.number}.svg").write_text(picture(shown), encoding="utf-8")
        except NotFound as error:
            missing.append(str(error))
    if missing:
        sys.exit("\n".join(missing))


if __name__ == "__main__":
    main(*sys.argv[1:])
