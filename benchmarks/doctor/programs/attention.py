"""Programs with attention: tokens, series, patches of pictures."""

from __future__ import annotations

from benchmarks.doctor.data import pictures, sequences
from benchmarks.doctor.data.split import as_column
from benchmarks.doctor.program import Program
from benchmarks.doctor.programs.networks import Attention, Patches, Transformer
from benchmarks.doctor.programs.settings import (
    ENTROPY,
    LOGITS,
    SQUARES,
    adam,
    adamw,
    by_place,
    cosine,
    warm_cosine,
)

PROGRAMS = (
    Program(
        name="tokens-attention", family="attention", task="classes", rows=sequences.first_halves,
        model=lambda: Attention(2, tokens=10), loss=ENTROPY, optimizer=adam(0.002), epochs=20,
        good=0.93,
    ),
    Program(
        name="digits-attention", family="attention", task="classes",
        rows=pictures.picture_sequences, model=lambda: Attention(10, features=8, places=8),
        loss=ENTROPY, optimizer=adamw(0.002), epochs=20, good=0.9,
    ),
    Program(
        name="commoner-transformer", family="attention", task="binary",
        rows=as_column(sequences.commoner), model=lambda: Transformer(1, tokens=8, places=15),
        loss=LOGITS, optimizer=adamw(), epochs=10, gives_scores=True, good=0.9,
    ),
    Program(
        name="opinions-transformer", family="attention", task="classes", rows=sequences.opinions,
        model=lambda: Transformer(2, tokens=60, places=20, blocks=1), loss=ENTROPY,
        optimizer=adam(), epochs=5, good=0.8,
    ),
    Program(
        name="chain-transformer", family="attention", task="classes", rows=sequences.chain,
        model=lambda: Transformer(8, tokens=8, places=16, blocks=1, is_causal=True), loss=by_place,
        optimizer=adamw(0.003), epochs=8, schedule=warm_cosine, good=0.74,
    ),
    Program(
        name="next-value-attention", family="attention", task="numbers", rows=sequences.next_value,
        model=lambda: Transformer(1, features=1, places=20, blocks=1), loss=SQUARES,
        optimizer=adam(0.002), epochs=20, clip=1.0, good=0.8,
    ),
    Program(
        name="waves-attention", family="attention", task="classes", rows=sequences.wave_pieces,
        model=lambda: Attention(3, features=8, places=4, drop=0.0), loss=ENTROPY,
        optimizer=adam(0.003), epochs=15, good=0.9,
    ),
    Program(
        name="digits-patches", family="attention", task="classes", rows=pictures.digits,
        model=lambda: Patches(10, channels=1, side=2), loss=ENTROPY, optimizer=adamw(0.003),
        epochs=16, schedule=cosine, good=0.88,
    ),
    Program(
        name="sizes-patches", family="attention", task="numbers", rows=pictures.sizes,
        model=lambda: Patches(1), loss=SQUARES, optimizer=adam(0.002), epochs=15, good=0.5,
    ),
)  # fmt: skip
