"""What is learnt, with which aim, and who learns it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.pictures.curve import Arrays
from benchmarks.workloads.sources import fashion_mnist, mnist


@dataclass(frozen=True)
class Contest:
    """A data set, what ours is told beside it, and what is aimed at."""

    name: str
    source: str
    arrays: Callable[[], Arrays]
    accuracy: float
    minutes: float
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Peer:
    """A network of an example, trained by its module for as many seconds as ours."""

    title: str
    module: str
    backend: str = ""


CONTESTS = {
    contest.name: contest
    for contest in (
        Contest("mnist", "mnist", mnist, 0.995, 10),
        Contest("mnist-in-a-minute", "mnist", mnist, 0.99, 1, {"minutes": 1}),
        Contest("fashion-mnist", "fashion-mnist", fashion_mnist, 0.94, 30),
    )
}

# Keras on PyTorch: on JAX an epoch took one and a half times the processor seconds (AMD Zen 5).
PEERS = {
    "keras": Peer('Keras\'s "Simple MNIST convnet"', "keras_convnet", "torch"),
    "torch": Peer("PyTorch's examples/mnist", "torch_example"),
}
OURS, LINEAR = "ranvier", "linear"
TITLES = {
    OURS: "Ranvier",
    **{name: peer.title for name, peer in PEERS.items()},
    LINEAR: "logistic regression",
}
