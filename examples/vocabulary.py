"""Write the page of everything that a network and its training can be made of, as the code has it.

Run it: python examples/vocabulary.py docs/vocabulary.md
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ranvier.core.registry import Registry
from ranvier.losses import LOSSES
from ranvier.metrics import METRICS, Metric
from ranvier.optim import OPTIMIZERS, SCHEDULES
from ranvier.spec import ACTIVATIONS, CONSTRAINTS, FUNCTIONS, INITIALIZERS, LAYERS, Initializer
from ranvier.spec.layers.relative import RELATIVE

HEAD = """\
# The vocabulary

Everything that a network and its training can be made of: its name, what it means, its equation, \
and the names from elsewhere that are answered with it. `help(rv.Conv)` says the rest: shapes, \
fields, references. `python examples/vocabulary.py docs/vocabulary.md` writes this page from the \
code, and a test holds it to that; [networks.md](networks.md) says how networks are put together, \
and [conventions.md](conventions.md) what differs from PyTorch and Keras.

a⁽ˡ⁻¹⁾ is what comes into a layer and a⁽ˡ⁾ what it gives; the last axis is that of the features. \
In a file, a layer is called by the name in the second column. A name from elsewhere is not taken \
silently: the error says what the thing is called here.
"""

# Which modules of `ranvier/spec` stand under which heading, in the order of the page.
LAYER_FAMILIES: dict[str, tuple[str, ...]] = {
    "Dense layers and lookups": (
        "dense", "einsum", "embedding", "feed_forward", "mixture", "numbers", "table", "ensemble",
    ),
    "Convolution": (
        "convolution", "transposed_convolution", "unfold", "resampling", "padding", "patches",
    ),
    "Pooling": ("pooling", "global_pooling"),
    "Recurrent": ("recurrent", "cells", "time_distributed", "conv_lstm", "state_space"),
    "Attention": (
        "attention", "additive_attention", "transformer", "positions", "relative", "waves",
    ),
    "Normalisation": ("normalization", "scaling", "reparametrization"),
    "Regularisation": ("dropout", "noise", "sampling", "wrappers", "constraints"),
    "Activations as layers": ("activation", "rectified", "gated", "function"),
    "Joining and repeating": ("network", "joining", "graph"),
    "Reshaping and masking": ("reshaping", "rescaling", "masking"),
    "Series": ("series",),
    "Preprocessing": ("preprocessing", "lookup", "pictures", "spectrogram"),
    "Augmentation": ("augmentation", "colours", "policies"),
    "Written elsewhere": ("foreign",),
}  # fmt: skip

LOSS_FAMILIES: dict[str, tuple[str, ...]] = {
    "Regression": ("regression", "relative", "pinball", "cosine_distance"),
    "Likelihoods": ("likelihoods", "divergence"),
    "Classification": (
        "cross_entropy", "binary_cross_entropy", "focal", "generalized_cross_entropy", "hinge",
        "overlap", "ctc",
    ),
    "Embedding": ("pairs", "triplet", "similarity", "views"),
}  # fmt: skip

METRIC_KINDS = {
    "probabilities": "Of classes",
    "values": "Of numbers",
    "labels": "Of several labels a row",
    "masks": "Of a class for every place",
    "quantiles": "Of quantiles",
    "samples": "Of samples",
    "gaussians": "Of means and deviations",
    "forecasts": "Of series",
    "token log-likelihoods": "Of language models",
    "texts": "Of texts",
    "episodes": "Of agents",
}

METRICS_HEAD = """\
Each stands once, under the first kind of rows that it takes. r is prediction less truth (truth \
less quantile, for quantiles); of a \
class, t rows are, p are said to be, and k are both. Without an ending, `precision` and its like \
are those of the second of two classes; `_macro` is the mean over classes, `_micro` that of all \
classes together, `_weighted` that of classes by their size, `_rows` the mean over rows.
"""

Row = tuple[str, ...]


def page() -> str:
    """The whole page as Markdown."""
    parts = [
        HEAD,
        "## Layers\n",
        *families(LAYERS, LAYER_FAMILIES),
        "### Positions of attention\n",
        "What `positions=` of attention and of transformer blocks takes, by name or as a value.\n",
        table(CLASS_HEAD, (_class_row(RELATIVE, name) for name in RELATIVE)),
        "### Functions of `Lambda`\n",
        table(("name", "f(z)", "other spellings"), _equations(FUNCTIONS)),
        "### Constraints of `Constrained`\n",
        table(("name", "holds", "other spellings"), map(_constraint, CONSTRAINTS)),
        "## Activations\n",
        "With bounds, parameters and pictures in [activations.md](activations.md).\n",
        table(("name", "f(z)", "other spellings"), _equations(ACTIVATIONS)),
        "## Initialisers\n",
        table(("name", "draws", "other spellings"), map(_initializer, INITIALIZERS)),
        "## Losses\n",
        "Their derivatives stand in `help(rv.Huber)` and so on.\n",
        *families(LOSSES, LOSS_FAMILIES),
        "## Optimisers\n",
        table(CLASS_HEAD, (_class_row(OPTIMIZERS, name) for name in OPTIMIZERS)),
        "## Schedules\n",
        "f is what the peak learning rate is multiplied by.\n",
        table(CLASS_HEAD, (_class_row(SCHEDULES, name) for name in SCHEDULES)),
        "## Metrics\n",
        METRICS_HEAD,
        *_metrics(),
    ]
    return "\n".join(parts)


CLASS_HEAD = ("written", "name", "means", "equation", "other spellings")


def table(head: Row, rows: Iterable[Row]) -> str:
    """A Markdown table; a bar in a cell is escaped."""
    lines = [head, tuple("---" for _ in head), *rows]
    escaped = ([cell.replace("|", r"\|") for cell in line] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in escaped)


def families(registry: Registry[Any], known: Mapping[str, tuple[str, ...]]) -> list[str]:
    """A heading and a table for each family; a module that no family names is refused."""
    files = {name: registry[name].__module__.rpartition(".")[2] for name in registry}
    astray = {file for file in files.values() if not any(file in each for each in known.values())}
    if astray:
        raise ValueError(f"no family of the page has the modules {sorted(astray)}; put them in one")
    parts = []
    for title, family in known.items():
        names = sorted(
            (name for name, file in files.items() if file in family),
            key=lambda name: family.index(files[name]),
        )
        parts += [f"### {title}\n", table(CLASS_HEAD, (_class_row(registry, n) for n in names))]
    return parts


def _class_row(registry: Registry[Any], name: str) -> Row:
    member = registry[name]
    means, equation = said(member)
    return f"`rv.{member.__name__}`", code(name), means, equation, others(registry, name)


def _equations(registry: Registry[Any]) -> Iterable[Row]:
    return (
        (code(name), code(registry[name].equation), others(registry, name)) for name in registry
    )


def _initializer(name: str) -> Row:
    return code(name), code(Initializer(name).meaning), others(INITIALIZERS, name)


def _constraint(name: str) -> Row:
    meaning = re.sub(r"\{(\w+)\}", r"\1", CONSTRAINTS[name].meaning)
    return code(name), code(meaning), others(CONSTRAINTS, name)


def _metrics() -> list[str]:
    parts = []
    for kind, title in METRIC_KINDS.items():
        names = [name for name in METRICS if METRICS[name].takes[0] == kind]
        # Those that one function computes, with one setting or another, stand in one row.
        functions = dict.fromkeys(map(_function_of, names))
        rows = [
            _metric_row([name for name in names if _function_of(name) == function])
            for function in functions
        ]
        head = ("name", "better", "means", "other spellings")
        parts += [f"### {title}\n", table(head, rows)]
    return parts


def _metric_row(names: list[str]) -> Row:
    metric: Metric = METRICS[names[0]]
    spellings = [others(METRICS, name) for name in names]
    return (
        ", ".join(map(code, names)),
        "higher" if metric.higher_is_better else "lower",
        said(_function_of(names[0]))[0],
        ", ".join(spelling for spelling in spellings if spelling),
    )


def _function_of(name: str) -> Any:
    function = METRICS[name].function
    return function.func if isinstance(function, partial) else function


def said(member: Any) -> tuple[str, str]:
    """The first sentence of its docstring, and its equation: the first block set in from the rest.

    Derivatives of a loss are left out.
    """
    first, *rest = inspect.cleandoc(member.__doc__).split("\n\n")
    block = next((part for part in rest if part.startswith("    ") and ">>>" not in part), "")
    lines = [re.split(r"\s{3,}(?=∂)", line)[0].strip() for line in block.splitlines()]
    shown = [re.sub(r"\s{3,}", "   ", line) for line in lines if line and line[0] != "∂"]
    return " ".join(first.split()), "<br>".join(map(code, shown))


def others(registry: Registry[Any], name: str) -> str:
    """The names from elsewhere that are answered with this one."""
    return ", ".join(map(code, registry.spellings_of(name)))


def code(text: str) -> str:
    """Set as code."""
    return f"`{text}`"


def main(path: str) -> None:
    """Write the page to `path`."""
    Path(path).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
