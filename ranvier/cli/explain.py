"""`ranvier explain RUN SOURCE`: which pixels a picture network's answers rest on, to look at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ranvier.cli.output import Output
from ranvier.core.errors import ConfigError

if TYPE_CHECKING:
    from rich.table import Table

    from ranvier.explain import Explanation

DEFAULT_PAGE = Path("explanation.html")


def explain(
    run: Path,
    source: str,
    /,
    *,
    method: str = "grad_cam",
    target: Annotated[str | None, Parameter(metavar="CLASS")] = None,
    layer: Annotated[str | None, Parameter(metavar="PATH")] = None,
    out: Path | None = None,
    top: Annotated[int, Parameter(metavar="N")] = 3,
    limit: Annotated[int, Parameter(metavar="N")] = 48,
    output: Output = Output(),
) -> None:
    """Show which pixels of the pictures of SOURCE the answers of RUN's network rest on.

    Parameters
    ----------
    run
        folder of a run on pictures
    source
        a picture, a folder of pictures, or what else such a run takes
    method
        grad_cam, grad_cam_plus_plus, integrated_gradients, saliency, smooth_grad,
        input_x_gradient or occlusion
    target
        the class to explain; without it, of each picture the one that is predicted
    layer
        path of the layer that grad_cam looks at; without it, the last one that holds a map
    out
        what to write: a page (.html), a sheet (.png), or a folder for a page and a PNG each;
        explanation.html unless --json asks for words alone
    top
        how many of the likeliest classes are named
    limit
        how many pictures are explained at most
    """
    for option, value in (("--top", top), ("--limit", limit)):
        if value < 1:
            raise ConfigError(f"{option} {value}: expected a whole number of at least 1.")
    written = out if out is not None or output.json else DEFAULT_PAGE

    from ranvier import api
    from ranvier.explain import check_destination

    if written is not None:
        check_destination(written, source)
    explanation = api.load(run).explain(
        source, method=method, target=target, layer=layer, limit=limit
    )
    explanation = replace(explanation, top=top)
    document: dict[str, Any] = {"run": run, "source": source, **explanation.to_json()}
    if written is not None:
        explanation.save(written)
        document["out"] = written
    output.document(document)
    output.result(_table(explanation))
    if written is not None:
        output.say(f"{len(explanation):,} explained in {written}")
    if explanation.left_out:
        output.say(f"{explanation.left_out:,} more were left out; --limit takes more of them.")


def _table(explanation: Explanation) -> Table:
    from rich.table import Table

    table = Table(box=None, header_style="")
    for name in ("", "picture", "says", "sure", "explained"):
        table.add_column(name, justify="right" if name in ("", "sure") else "left")
    for number, told in enumerate(explanation.told(), start=1):
        sure = "" if told.probability is None else f"{100 * told.probability:.1f} %"
        said = (told.prediction, sure, told.explained)
        table.add_row(
            f"{number}", told.name, *("" if each is None else _word(each) for each in said)
        )
    return table


def _word(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.5g}" if isinstance(value, float) else str(value)
