"""Which network pictures get where nobody brought one: by their size and number, and the time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from ranvier.apps.image.budget import Budget
from ranvier.spec import Network
from ranvier.spec.architectures import compact_resnet, resnet, vit

# The first stage sees pictures of this many places a side at most.
FIRST_STAGE_SIDE = 20
# Filters and stages of compact residual networks, the largest first. A third stage comes before
# more filters: its pictures are small, so its products are most of its time.
PLANS = ((64, 3), (48, 3), (32, 3), (32, 2), (24, 2), (16, 2))
# A network that sees every picture fewer times than this would have learnt more if it were smaller.
ENOUGH_EPOCHS = 12
# What few pictures cannot teach, many filters only learn by heart; a transformer, which is told
# nothing of what is near what, needs many.
VERY_FEW_PICTURES, FEW_PICTURES = 1_000, 5_000
WIDTH_FOR_VERY_FEW, WIDTH_FOR_FEW = 16, 32
MANY_PICTURES, VERY_MANY_PICTURES = 50_000, 500_000
PATCHES, FEWEST_PATCHES = (16, 14, 8, 7, 4), 8


@dataclass(frozen=True)
class Demand:
    """What a network is to do: pictures of a shape, how many, and how many numbers it answers."""

    shape: tuple[int, int, int]
    rows: int
    validation_rows: int
    outputs: int

    def epochs(self, network: Network, budget: Budget) -> int:
        """How many epochs there is time for."""
        return budget.epochs(
            multiply_adds_of(network, self.shape),
            rows=self.rows,
            validation_rows=self.validation_rows,
        )


def multiply_adds_of(network: Network, shape: tuple[int, int, int]) -> int:
    """Those of one picture's way through the network."""
    return max(1, network.describe(input=shape).flops // 2)


def network_for(demand: Demand, budget: Budget) -> tuple[Network, str]:
    """The largest network that there are pictures and time for, and why it is that one."""
    network = None
    for network in candidates(demand, has_gpu=budget.has_gpu):
        if demand.epochs(network, budget) >= ENOUGH_EPOCHS:
            break
    assert network is not None
    epochs = demand.epochs(network, budget)
    length = f"{budget.minutes:g} minute{'s' if budget.minutes != 1 else ''}"
    size = multiply_adds_of(network, demand.shape) / 1e6
    return network, (
        f"{size:,.0f} million multiply-adds a picture: the largest of the usual ones that sees "
        f"them {min(epochs, ENOUGH_EPOCHS)} times or more in {length}"
    )


def candidates(demand: Demand, *, has_gpu: bool) -> Iterator[Network]:
    """The usual networks that so many pictures can teach, the largest first."""
    side = min(demand.shape[:2])
    if has_gpu and demand.rows >= VERY_MANY_PICTURES and demand.shape[0] == demand.shape[1]:
        patches = [patch for patch in PATCHES if side % patch == 0]
        for patch in [patch for patch in patches if side // patch >= FEWEST_PATCHES][:1]:
            yield vit("small", patch=patch, side=side, classes=demand.outputs, drop_path=0.1)
    if demand.rows >= MANY_PICTURES and side >= 28:
        yield resnet(34, stem="large" if side >= 64 else "small", classes=demand.outputs)
        yield resnet(18, stem="large" if side >= 64 else "small", classes=demand.outputs)
    widest = PLANS[0][0]
    if demand.rows < FEW_PICTURES:
        widest = WIDTH_FOR_VERY_FEW if demand.rows < VERY_FEW_PICTURES else WIDTH_FOR_FEW
    for width, stages in PLANS:
        if width <= widest:
            yield compact_resnet(
                width,
                halvings=halvings_of(demand.shape),
                stages=min(stages, most_stages_of(demand.shape)),
                classes=demand.outputs,
                dropout=0.2 if demand.rows < FEW_PICTURES else 0.0,
            )


def halvings_of(shape: tuple[int, int, int]) -> int:
    """How often the stem halves pictures before the first stage.

    >>> [halvings_of((side, side, 3)) for side in (8, 16, 28, 32, 64, 96, 224)]
    [0, 0, 1, 1, 2, 3, 4]
    """
    return math.ceil(math.log2(max(1.0, min(shape[:2]) / FIRST_STAGE_SIDE)))


def most_stages_of(shape: tuple[int, int, int]) -> int:
    """As many as leave each something to look at.

    >>> [most_stages_of((side, side, 1)) for side in (4, 8, 16, 28, 224)]
    [1, 2, 2, 3, 3]
    """
    side = min(shape[:2])
    return 1 if side < 8 else 2 if side < 24 else 3
