"""Programs with convolutions: digits, drawn shapes, series."""

from __future__ import annotations

from torch import nn

from benchmarks.doctor.data import pictures, sequences
from benchmarks.doctor.data.split import as_column, itself
from benchmarks.doctor.program import Program
from benchmarks.doctor.programs.networks import Pictures, ResidualPictures, Waves, convolutions
from benchmarks.doctor.programs.settings import (
    ENTROPY,
    LOGITS,
    SQUARES,
    adam,
    adamw,
    cosine,
    rmsprop,
    sgd,
)


def _narrow() -> nn.Module:
    """Down to a few numbers and up again."""
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(12, 12, 3, padding=1), nn.ReLU(),
        nn.ConvTranspose2d(12, 12, 2, stride=2), nn.ReLU(), nn.Conv2d(12, 1, 3, padding=1),
    )  # fmt: skip


PROGRAMS = (
    Program(
        name="digits-conv", family="convolutional", task="classes", rows=pictures.digits,
        model=Pictures, loss=ENTROPY, optimizer=adam(), epochs=12, good=0.95,
    ),
    Program(
        name="digits-conv-norm", family="convolutional", task="classes", rows=pictures.digits,
        model=lambda: Pictures(norm=True), loss=ENTROPY, optimizer=sgd(0.02, momentum=0.9),
        epochs=12, good=0.95,
    ),
    Program(
        name="digits-conv-residual", family="convolutional", task="classes", rows=pictures.digits,
        model=lambda: ResidualPictures(16, 10), loss=ENTROPY, optimizer=sgd(0.1, momentum=0.9),
        epochs=10, batch_size=64, schedule=cosine, good=0.95,
    ),
    Program(
        name="large-digits-conv", family="convolutional", task="binary",
        rows=as_column(pictures.large_digits), model=lambda: Pictures(outputs=1), loss=LOGITS,
        optimizer=adamw(0.002), epochs=8, gives_scores=True, good=0.93,
    ),
    Program(
        name="shapes-conv", family="convolutional", task="classes", rows=pictures.shapes,
        model=lambda: convolutions(3, 16, 32, outputs=3, norm=True), loss=ENTROPY,
        optimizer=adamw(0.003), epochs=18, good=0.85,
    ),
    Program(
        name="shapes-conv-dropout", family="convolutional", task="classes", rows=pictures.shapes,
        model=lambda: convolutions(3, 16, 32, outputs=3, drop=0.1), loss=ENTROPY,
        optimizer=adam(0.003), epochs=16, batch_size=16, good=0.8,
    ),
    Program(
        name="sizes-conv", family="convolutional", task="numbers", rows=pictures.sizes,
        model=lambda: convolutions(3, 16, 32, outputs=1), loss=SQUARES, optimizer=adam(0.003),
        epochs=15, batch_size=16, good=0.5,
    ),
    Program(
        name="digits-conv-autoencoder", family="convolutional", task="numbers",
        rows=itself(pictures.digits), model=_narrow, loss=SQUARES, optimizer=adam(0.003),
        epochs=10, good=0.7,
    ),
    Program(
        name="denoise-conv", family="convolutional", task="numbers", rows=pictures.noisy_digits,
        model=_narrow, loss=SQUARES, optimizer=rmsprop(0.001), epochs=10, gives_scores=True,
        good=0.5,
    ),
    Program(
        name="waves-conv", family="convolutional", task="classes", rows=sequences.waves,
        model=lambda: Waves(1, 3), loss=ENTROPY, optimizer=rmsprop(0.001), epochs=12, good=0.9,
    ),
)  # fmt: skip
