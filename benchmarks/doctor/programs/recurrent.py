"""Programs with recurrent layers: rows of pictures, series, tokens."""

from __future__ import annotations

from torch import nn

from benchmarks.doctor.data import pictures, sequences
from benchmarks.doctor.data.split import as_column
from benchmarks.doctor.program import Program
from benchmarks.doctor.programs.networks import EveryPlace, Recurrent
from benchmarks.doctor.programs.settings import (
    ENTROPY,
    LOGITS,
    PROBABILITIES,
    SQUARES,
    adam,
    adamw,
    binary,
    by_place,
    cosine,
    rmsprop,
)


def _opinion() -> nn.Module:
    return nn.Sequential(Recurrent(16, 1, kind=nn.GRU, width=24, tokens=60), nn.Sigmoid())


PROGRAMS = (
    Program(
        name="digits-lstm", family="recurrent", task="classes", rows=pictures.picture_sequences,
        model=lambda: Recurrent(8, 10), loss=ENTROPY, optimizer=adam(0.003), epochs=20, good=0.9,
    ),
    Program(
        name="digits-both-ways", family="recurrent", task="classes",
        rows=pictures.picture_sequences, model=lambda: Recurrent(8, 10, width=24, both_ways=True),
        loss=ENTROPY, optimizer=adamw(0.005), epochs=12, schedule=cosine, gives_scores=True,
        good=0.85,
    ),
    Program(
        name="digits-rnn", family="recurrent", task="classes", rows=pictures.picture_sequences,
        model=lambda: Recurrent(8, 10, kind=nn.RNN, width=48), loss=ENTROPY, optimizer=adam(0.002),
        epochs=20, clip=1.0, good=0.85,
    ),
    Program(
        name="waves-gru", family="recurrent", task="classes", rows=sequences.waves,
        model=lambda: Recurrent(1, 3, kind=nn.GRU), loss=ENTROPY, optimizer=adam(0.005), epochs=20,
        good=0.9,
    ),
    Program(
        name="next-value-lstm", family="recurrent", task="numbers", rows=sequences.next_value,
        model=lambda: Recurrent(1, 1, width=24), loss=SQUARES, optimizer=adam(0.005), epochs=15,
        clip=1.0, good=0.85,
    ),
    Program(
        name="next-value-gru", family="recurrent", task="numbers", rows=sequences.next_value,
        model=lambda: Recurrent(1, 1, kind=nn.GRU, width=16, layers=2), loss=SQUARES,
        optimizer=rmsprop(0.003), epochs=15, good=0.85,
    ),
    Program(
        name="sensors-gru", family="recurrent", task="binary",
        rows=as_column(sequences.two_sensors),
        model=lambda: Recurrent(2, 1, kind=nn.GRU), loss=LOGITS, optimizer=adam(0.005), epochs=12,
        good=0.85,
    ),
    Program(
        name="opinions-gru", family="recurrent", task="probability",
        rows=as_column(sequences.opinions), model=_opinion, loss=PROBABILITIES,
        optimizer=adam(0.003), epochs=6, answer=binary, good=0.8,
    ),
    Program(
        name="chain-lstm", family="recurrent", task="classes", rows=sequences.chain,
        model=lambda: EveryPlace(16, 8, tokens=8), loss=by_place, optimizer=adam(0.005), epochs=8,
        good=0.74,
    ),
)  # fmt: skip
