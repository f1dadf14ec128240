"""Programs with dense networks: tables, flat pictures, points."""

from __future__ import annotations

from torch import nn

from benchmarks.doctor.data import tables
from benchmarks.doctor.data.split import as_column, as_one_hot, itself
from benchmarks.doctor.program import Program
from benchmarks.doctor.programs.networks import Residual, dense
from benchmarks.doctor.programs.settings import (
    ENTROPY,
    LOGITS,
    PROBABILITIES,
    SQUARES,
    adagrad,
    adam,
    adamw,
    binary,
    cosine,
    rmsprop,
    sgd,
    steps,
    warm_cosine,
)

PROGRAMS = (
    Program(
        name="cancer-adam", family="dense", task="classes", rows=tables.breast_cancer,
        model=lambda: dense(30, 32, 16, 2), loss=ENTROPY, optimizer=adam(), epochs=20, good=0.9,
    ),
    Program(
        name="cancer-logit", family="dense", task="binary", rows=as_column(tables.breast_cancer),
        model=lambda: dense(30, 16, 1), loss=LOGITS, optimizer=sgd(0.05, momentum=0.9),
        epochs=15, good=0.9, gives_scores=True,
    ),
    Program(
        name="cancer-probability", family="dense", task="probability",
        rows=as_column(tables.breast_cancer), model=lambda: dense(30, 16, 8, 1, end=nn.Sigmoid),
        loss=PROBABILITIES, optimizer=adam(0.003), epochs=15, batch_size=16, answer=binary,
        good=0.9,
    ),
    Program(
        name="cancer-adagrad", family="dense", task="classes", rows=tables.breast_cancer,
        model=lambda: dense(30, 24, 2, activation=nn.ELU), loss=ENTROPY, optimizer=adagrad(0.05),
        epochs=20, batch_size=64, good=0.9,
    ),
    Program(
        name="wine-sgd", family="dense", task="classes", rows=tables.wine,
        model=lambda: dense(13, 32, 3), loss=ENTROPY, optimizer=sgd(0.01, momentum=0.9), epochs=40,
        batch_size=16, good=0.88,
    ),
    Program(
        name="wine-residual", family="dense", task="classes", rows=tables.wine,
        model=lambda: Residual(13, 32, 2, 3), loss=ENTROPY, optimizer=adamw(0.003), epochs=25,
        schedule=warm_cosine, good=0.88,
    ),
    Program(
        name="wine-sigmoid", family="dense", task="classes", rows=tables.wine,
        model=lambda: dense(13, 16, 3, activation=nn.Sigmoid), loss=ENTROPY,
        optimizer=sgd(0.1, momentum=0.9), epochs=40, batch_size=16, good=0.88,
    ),
    Program(
        name="iris-tanh", family="dense", task="classes", rows=tables.iris,
        model=lambda: dense(4, 16, 16, 3, activation=nn.Tanh), loss=ENTROPY,
        optimizer=adam(0.005), epochs=40, batch_size=16, good=0.86,
    ),
    Program(
        name="iris-one-hot", family="dense", task="one_hot", rows=as_one_hot(tables.iris),
        model=lambda: dense(4, 32, 3), loss=ENTROPY, optimizer=rmsprop(0.002), epochs=40,
        batch_size=8, good=0.86,
    ),
    Program(
        name="iris-softmax-regression", family="dense", task="classes", rows=tables.iris,
        model=lambda: nn.Linear(4, 3), loss=ENTROPY, optimizer=sgd(0.1), epochs=60, batch_size=16,
        good=0.86,
    ),
    Program(
        name="diabetes-adamw", family="dense", task="numbers", rows=tables.diabetes,
        model=lambda: dense(10, 32, 1), loss=SQUARES, optimizer=adamw(), epochs=40, good=0.25,
    ),
    Program(
        name="diabetes-linear", family="dense", task="numbers", rows=tables.diabetes,
        model=lambda: nn.Linear(10, 1), loss=SQUARES, optimizer=sgd(0.02), epochs=40, good=0.25,
        gives_scores=True,
    ),
    Program(
        name="friedman-norm", family="dense", task="numbers", rows=tables.friedman,
        model=lambda: dense(10, 64, 64, 1, norm=nn.BatchNorm1d), loss=SQUARES, optimizer=adam(),
        epochs=30, good=0.85,
    ),
    Program(
        name="friedman-small-batches", family="dense", task="numbers", rows=tables.friedman,
        model=lambda: dense(10, 32, 32, 1, activation=nn.LeakyReLU), loss=SQUARES,
        optimizer=sgd(0.01, momentum=0.9), epochs=10, batch_size=4, schedule=cosine, good=0.8,
    ),
    Program(
        name="friedman-huber", family="dense", task="numbers", rows=tables.friedman,
        model=lambda: dense(10, 48, 48, 1, activation=nn.SiLU), loss=nn.HuberLoss(),
        optimizer=adam(0.003), epochs=25, batch_size=64, clip=1.0, good=0.85,
    ),
    Program(
        name="faint-line", family="dense", task="numbers", rows=tables.faint_line,
        model=lambda: dense(6, 16, 1), loss=SQUARES, optimizer=adam(), epochs=20, good=0.1,
    ),
    Program(
        name="two-clouds", family="dense", task="classes", rows=tables.two_clouds,
        model=lambda: dense(5, 16, 2), loss=ENTROPY, optimizer=adam(), epochs=15, good=0.76,
    ),
    Program(
        name="rare-class", family="dense", task="binary", rows=as_column(tables.rare_class),
        model=lambda: dense(8, 32, 1), loss=LOGITS, optimizer=adam(0.002), epochs=15, good=0.94,
    ),
    Program(
        name="three-questions", family="dense", task="indicators", rows=tables.three_questions,
        model=lambda: dense(10, 64, 64, 3), loss=LOGITS, optimizer=adam(0.003), epochs=20,
        good=0.85,
    ),
    Program(
        name="spirals-deep", family="dense", task="classes", rows=tables.spirals,
        model=lambda: dense(2, 64, 64, 64, 2), loss=ENTROPY, optimizer=adam(0.003), epochs=60,
        good=0.95,
    ),
    Program(
        name="moons-full-batch", family="dense", task="binary", rows=as_column(tables.moons),
        model=lambda: dense(2, 16, 16, 1, activation=nn.Tanh), loss=LOGITS, optimizer=adam(0.02),
        epochs=300, batch_size=1000, evaluates_every=10, good=0.9,
    ),
    Program(
        name="digits-dropout", family="dense", task="classes", rows=tables.digits,
        model=lambda: dense(64, 128, 64, 10, drop=0.2), loss=ENTROPY, optimizer=adam(), epochs=20,
        good=0.93,
    ),
    Program(
        name="digits-softmax-regression", family="dense", task="classes", rows=tables.digits,
        model=lambda: nn.Linear(64, 10), loss=ENTROPY, optimizer=sgd(0.5), epochs=20, good=0.9,
    ),
    Program(
        name="digits-steps", family="dense", task="classes", rows=tables.digits,
        model=lambda: dense(64, 64, 10), loss=ENTROPY, optimizer=sgd(0.1, momentum=0.9), epochs=15,
        schedule=steps, gives_rows=False, good=0.93,
    ),
    Program(
        name="digits-short", family="dense", task="classes", rows=tables.digits,
        model=lambda: dense(64, 128, 10), loss=ENTROPY, optimizer=adam(0.005), epochs=5,
        gives_scores=True, good=0.92,
    ),
    Program(
        name="digits-accumulated", family="dense", task="classes", rows=tables.digits,
        model=lambda: dense(64, 64, 64, 10, norm=nn.LayerNorm), loss=ENTROPY, optimizer=adam(0.003),
        epochs=15, batch_size=16, accumulates=4, good=0.93,
    ),
    Program(
        name="digits-decay", family="dense", task="classes", rows=tables.digits,
        model=lambda: dense(64, 128, 10, activation=nn.GELU), loss=ENTROPY,
        optimizer=sgd(0.05, momentum=0.9, weight_decay=1e-3), epochs=15, gives_validation=False,
        good=0.93,
    ),
    Program(
        name="digits-autoencoder", family="dense", task="numbers", rows=itself(tables.digits),
        model=lambda: dense(64, 48, 16, 48, 64), loss=SQUARES, optimizer=adam(0.003), epochs=25,
        good=0.6,
    ),
)  # fmt: skip
