"""Programs that people begin with: gates of four rows, and curves."""

from __future__ import annotations

import numpy as np
from torch import nn

from benchmarks.doctor.data.tiny import curve, gate
from benchmarks.doctor.program import Program
from benchmarks.doctor.programs.networks import dense
from benchmarks.doctor.programs.settings import (
    LOGITS,
    PROBABILITIES,
    SQUARES,
    adam,
    binary,
    rmsprop,
    sgd,
)

XOR, AND, OR = gate(0, 1, 1, 0), gate(0, 0, 0, 1), gate(0, 1, 1, 1)

PROGRAMS = (
    Program(
        name="xor-tanh", family="dense", task="probability", rows=XOR,
        model=lambda: dense(2, 8, 1, activation=nn.Tanh, end=nn.Sigmoid), loss=PROBABILITIES,
        optimizer=adam(0.02), epochs=600, batch_size=4, evaluates_every=20, answer=binary,
        gives_validation=False, shuffles=False, good=1.0,
    ),
    Program(
        name="xor-squares", family="dense", task="numbers", rows=XOR,
        model=lambda: dense(2, 8, 1, activation=nn.Tanh), loss=SQUARES,
        optimizer=sgd(0.1, momentum=0.9), epochs=800, batch_size=4, evaluates_every=50,
        gives_validation=False, good=0.9,
    ),
    Program(
        name="and-gate", family="dense", task="probability", rows=AND,
        model=lambda: dense(2, 1, end=nn.Sigmoid), loss=PROBABILITIES, optimizer=sgd(0.5),
        epochs=800, batch_size=4, evaluates_every=50, answer=binary, gives_validation=False,
        good=1.0,
    ),
    Program(
        name="or-gate", family="dense", task="binary", rows=OR,
        model=lambda: dense(2, 4, 1), loss=LOGITS, optimizer=adam(0.02), epochs=400, batch_size=4,
        evaluates_every=20, gives_validation=False, good=1.0,
    ),
    Program(
        name="sine", family="dense", task="numbers", rows=curve(np.sin, reach=np.pi),
        model=lambda: dense(1, 32, 32, 1, activation=nn.Tanh), loss=SQUARES, optimizer=adam(0.01),
        epochs=400, batch_size=200, evaluates_every=10, good=0.95,
    ),
    Program(
        name="sine-noise", family="dense", task="numbers",
        rows=curve(np.sin, reach=np.pi, noise=0.2),
        model=lambda: dense(1, 24, 24, 1), loss=SQUARES, optimizer=adam(0.005), epochs=60,
        batch_size=20, gives_scores=True, good=0.8,
    ),
    Program(
        name="parabola", family="dense", task="numbers", rows=curve(np.square, reach=1.0),
        model=lambda: dense(1, 32, 1), loss=SQUARES, optimizer=adam(0.01), epochs=60,
        batch_size=16, good=0.95,
    ),
    Program(
        name="straight-line", family="dense", task="numbers",
        rows=curve(lambda x: 2 * x + 1, reach=1.0, noise=0.1),
        model=lambda: nn.Linear(1, 1), loss=SQUARES, optimizer=sgd(0.1), epochs=150,
        batch_size=200, evaluates_every=10, good=0.95,
    ),
    Program(
        name="absolute-value", family="dense", task="numbers", rows=curve(np.abs, reach=2.0),
        model=lambda: dense(1, 16, 16, 1), loss=nn.L1Loss(), optimizer=rmsprop(0.003), epochs=60,
        batch_size=25, good=0.95,
    ),
)  # fmt: skip
