"""Universal approximation, seen: one hidden layer, made wider, comes ever nearer to a curve.

Run it: python examples/universal_approximation.py [PICTURE.svg]
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import ranvier as rv
from ranvier.report.markup import element
from ranvier.report.plots import Series, line_chart

WIDTHS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
SEEDS = range(10)
STEPS = 1000
SHOWN = (4, 8, 64)  # the widths whose networks are drawn
WAVES_UP_TO = 8  # below this width the network has fewer bends than the curve has waves


def target(x: Tensor) -> Tensor:
    """Two periods of a sine on [−1, 1], and a kink where no derivative exists."""
    return torch.sin(2 * math.pi * x) + torch.abs(x - 1 / 3)


def points(count: int) -> Tensor:
    """`count` places spread evenly over [−1, 1], a column in float64."""
    return torch.linspace(-1, 1, count, dtype=torch.float64)[:, None]


def fitted(width: int, seed: int, *, steps: int = STEPS) -> nn.Module:
    """A network of one hidden layer, fitted to the target without noise.

    L-BFGS moves all weights; in the end those of the last layer, which is linear, are solved for.
    """
    steep = rv.Initializer("uniform", low=-3.0, high=3.0)
    network = rv.Network(rv.Dense(width, activation="relu", initializer=steep), rv.Dense(1))
    module = rv.build(network, 1, seed=seed).double()
    # Biases start at zero, which would have every unit bend at x = 0; here each bends elsewhere.
    hidden_weight, hidden_bias, *_ = module.parameters()
    chance = torch.rand(width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    bends = 2 * (torch.arange(width) + chance) / width - 1
    hidden_bias.data.copy_(-hidden_weight[:, 0] * bends)

    x = points(1024)
    y = target(x)
    optimizer = torch.optim.LBFGS(
        module.parameters(), max_iter=steps, history_size=30, line_search_fn="strong_wolfe",
        tolerance_grad=1e-12, tolerance_change=1e-14,
    )  # fmt: skip

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = ((module(x) - y) ** 2).mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    solve_last_layer_(module, x, y)
    return module


@torch.no_grad()
def solve_last_layer_(module: nn.Module, x: Tensor, y: Tensor) -> None:
    """Give the last layer the weights of least squares, which L-BFGS reaches but slowly."""
    *before, last = module.children()
    hidden = nn.Sequential(*before)(x)
    columns = torch.cat([hidden, torch.ones_like(x)], dim=1)
    # Units that are nowhere active make columns of zeros, which this driver can take.
    solution = torch.linalg.lstsq(columns, y, driver="gelsd").solution
    last.weight.copy_(solution[:-1].T)
    last.bias.copy_(solution[-1])


def errors(module: nn.Module) -> tuple[float, float]:
    """Root mean squared and largest distance from the target, on places it was not fitted at."""
    x = points(4001)
    with torch.no_grad():
        distance = (module(x) - target(x)).abs()
    return distance.square().mean().sqrt().item(), distance.max().item()


def best_polygon(width: int) -> float:
    """The least root mean squared error of any curve of `width` straight pieces, as width grows.

    width⁻²·(∫ |f″|^⅖ dx)^(5/2) / √(720·2)
    """
    x = np.linspace(-1, 1, 100_001)
    curvature = (2 * math.pi) ** 2 * np.abs(np.sin(2 * math.pi * x))
    return float(np.trapezoid(curvature**0.4, x) ** 2.5 / math.sqrt(720 * 2) / width**2)


def main(
    widths: Sequence[int] = WIDTHS,
    seeds: Sequence[int] = SEEDS,
    *,
    steps: int = STEPS,
    picture: Path | None = None,
) -> dict[int, np.ndarray]:
    """Fit every width with every seed, print what is left, and return it by width, [seeds, 2]."""
    found = {
        width: np.array([errors(fitted(width, seed, steps=steps)) for seed in seeds])
        for width in widths
    }
    print("width   error: median   quartiles            largest: median")
    for width, measured in found.items():
        low, middle, high = np.quantile(measured[:, 0], [0.25, 0.5, 0.75])
        largest = np.median(measured[:, 1])
        print(f"{width:5d}   {middle:13.5f}   {low:.5f} to {high:.5f}   {largest:15.5f}")
    steepness = slope(found)
    print(f"doubling the width divides the error by {2**-steepness:.1f} (slope {steepness:.2f})")
    if picture is not None:
        picture.write_text(drawing(found, steps), encoding="utf-8")
    return found


def slope(found: dict[int, np.ndarray]) -> float:
    """How fast log error falls with log width, from the width on that has room for the waves."""
    wide = [width for width in found if width >= WAVES_UP_TO]
    medians = [np.median(found[width][:, 0]) for width in wide]
    return float(np.polyfit(np.log(wide), np.log(medians), 1)[0])


STYLE = """
  .plot { --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #a6679c; --soft: #5a6675 }
  .plot text { font: 12.5px system-ui, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif;
               fill: #1b2430 }
  .plot .tick { fill: var(--soft) }
  .grid { stroke: #e6eaee } .axis { stroke: var(--soft) } .hits { fill: transparent }
  .line, .swatch { fill: none; stroke-width: 1.9; stroke-linejoin: round }
  .swatch { stroke-width: 3 }
  .c0 { stroke: var(--c0) } .c1 { stroke: var(--c1) } .c2 { stroke: var(--c2) }
  .c3 { stroke: var(--c3) } .c1 { stroke-dasharray: 7 3 } .c2 { stroke-dasharray: 2 3 }
  .first .c0.line { stroke-width: 5; stroke-opacity: .35 }
  .band { stroke: none; fill: var(--c0); fill-opacity: .18 }
"""


def drawing(found: dict[int, np.ndarray], steps: int) -> str:
    """The curve with some of the networks, and the error over the width, as one SVG."""
    return element(
        "svg",
        element("style", STYLE),
        element("rect", width=860, height=256, fill="#ffffff"),
        element("svg", curves(steps), class_="first", x=10, y=8, width=400, height=240),
        element("svg", error_over_width(found), x=444, y=8, width=400, height=240),
        xmlns="http://www.w3.org/2000/svg", viewBox="0 0 860 256",
    )  # fmt: skip


def curves(steps: int) -> str | None:
    """The target and what networks of a few widths make of it."""
    x = points(401)
    at = x[:, 0].tolist()
    series = [Series("target", at, target(x)[:, 0].tolist())]
    for width in SHOWN:
        with torch.no_grad():
            y = fitted(width, 0, steps=steps)(x)
        series.append(Series(f"{width} units", at, y[:, 0].tolist()))
    return line_chart(
        series, title="The curve and three networks", x_label="x", y_label="f(x)",
        description="Wider networks lie nearer to the curve.",
    )  # fmt: skip


def error_over_width(found: dict[int, np.ndarray]) -> str | None:
    """Medians over the seeds, with a band from quartile to quartile, both axes logarithmic."""
    at = [math.log2(width) for width in found]
    low, middle, high = np.quantile([m[:, 0] for m in found.values()], [0.25, 0.5, 0.75], axis=1)
    largest = [float(np.median(measured[:, 1])) for measured in found.values()]
    wide = [width for width in found if width >= WAVES_UP_TO]
    series = [
        Series("root mean squared", at, middle.tolist(), low.tolist(), high.tolist()),
        Series("largest", at, largest),
        Series(
            "best polygon", [math.log2(width) for width in wide], [best_polygon(w) for w in wide]
        ),
    ]
    return line_chart(
        series, title="Error over width", x_label="width of the hidden layer", y_label="error",
        description="The error falls as the network grows wider.", is_log=True,
        x_ticks=[(math.log2(width), str(width)) for width in found],
    )  # fmt: skip


if __name__ == "__main__":
    main(picture=Path(sys.argv[1]) if len(sys.argv) > 1 else None)
