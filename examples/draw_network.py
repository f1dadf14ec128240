"""Draw a small U-Net, whose ways across are skips by name, as one SVG.

Run it: python examples/draw_network.py docs/pictures/network.svg
"""

from __future__ import annotations

import sys
from pathlib import Path

import ranvier as rv


def network() -> rv.Network:
    """A class for every pixel: down twice, up twice, and across at both sizes."""

    def level(filters: int, name: str) -> rv.Conv:
        return rv.Conv(filters, 3, padding="same", activation="relu", name=name)

    return rv.Network(
        level(8, "fine"),
        rv.MaxPool(2),
        level(16, "coarse"),
        rv.MaxPool(2),
        level(32, "bottom"),
        rv.Upsample(2),
        rv.Join("concat", also="coarse"),
        level(16, "up_coarse"),
        rv.Upsample(2),
        rv.Join("concat", also="fine"),
        level(8, "up_fine"),
        rv.Conv(3, 1),
    )


def picture() -> str:
    """The drawing for coloured pictures of 32 by 32."""
    return network().draw(input=(32, 32, 3))


def main(path: str) -> None:
    """Write the drawing to `path`."""
    Path(path).write_text(picture(), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
