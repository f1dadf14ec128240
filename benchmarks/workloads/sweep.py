"""W8: W1's network 64 times, each with a seed and a learning rate of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.workloads import tabular_mlp
from benchmarks.workloads.workload import Data, Member

MEMBERS, TRAIN_ROWS = 64, 6_400


def load() -> Data:
    return tabular_mlp.load(TRAIN_ROWS)


WORKLOAD = replace(
    tabular_mlp.WORKLOAD,
    name="w8",
    title="W8 sweep of 64 small MLPs, 20-64-64-10, batch 32",
    made_of="synthetic, 6,400 rows, one epoch each",
    load=load,
    aim=8.0,
    members=tuple(
        Member(seed, float(rate)) for seed, rate in enumerate(np.geomspace(3e-4, 1e-2, MEMBERS))
    ),
)
