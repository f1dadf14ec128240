from __future__ import annotations

import math

import pytest

from ranvier.core.errors import ConfigError
from ranvier.optim import (
    Constant,
    Cosine,
    CosineLog,
    CosineRestarts,
    Cyclic,
    Exponential,
    InverseTime,
    OneCycle,
    Piecewise,
    Polynomial,
    ReduceOnPlateau,
    Schedule,
    StepDecay,
    WarmupStableDecay,
    schedule_from,
)


def factors(schedule: Schedule, total_steps: int, steps: list[int]) -> list[float]:
    return [schedule.factor(step, total_steps=total_steps) for step in steps]


def test_warm_up_rises_in_a_line_and_is_at_the_peak_on_its_last_step():
    assert factors(Constant(warmup=4), 100, [0, 1, 3, 4, 99]) == [0.25, 0.5, 1.0, 1.0, 1.0]


def test_a_duration_is_steps_when_whole_and_a_share_when_not():
    assert factors(Constant(warmup=0.04), 100, [0, 3]) == factors(Constant(warmup=4), 100, [0, 3])
    assert factors(Constant(warmup=1), 100, [0]) == [1.0]
    assert factors(Constant(warmup=1.0), 100, [0]) == [0.01]


def test_cosine_comes_down_from_the_end_of_the_warm_up_to_its_final_share():
    found = factors(Cosine(warmup=20, final=0.1), 120, [19, 20, 70, 120, 500])
    assert found == pytest.approx([1.0, 1.0, 0.55, 0.1, 0.1])


def test_half_the_run_can_be_held_at_the_peak():
    found = factors(Cosine(hold=0.5), 100, [0, 49, 50, 75, 100])
    assert found == pytest.approx([1.0, 1.0, 1.0, 0.5, 0.0])


def test_a_warm_up_longer_than_the_run_never_reaches_the_peak():
    assert factors(Cosine(warmup=200), 100, [99]) == [0.5]


def test_one_cycle_starts_low_peaks_at_the_warm_ups_end_and_ends_lower_still():
    found = factors(OneCycle(warmup=0.3, start=0.04, final=4e-6), 101, [0, 100])
    assert found == pytest.approx([0.04, 4e-6])
    assert OneCycle(warmup=30).factor(29, total_steps=100) == 1.0


def test_cosine_log_peaks_in_the_middle_of_each_of_its_doubling_cycles():
    total = 15_000
    # Cycle k runs from (2ᵏ − 1)/15 to (2ᵏ⁺¹ − 1)/15 of the run and peaks at (2ᵏ·√2 − 1)/15.
    for cycle in range(4):
        start = (2**cycle - 1) * 1000
        peak = (2**cycle * math.sqrt(2) - 1) * 1000
        assert CosineLog().factor(start, total_steps=total) == pytest.approx(0.0, abs=1e-9)
        assert CosineLog().factor(round(peak), total_steps=total) == pytest.approx(1.0, abs=1e-5)
    assert CosineLog().factor(total, total_steps=total) == pytest.approx(0.0, abs=1e-9)


def test_a_decay_is_counted_from_the_end_of_the_warm_up():
    assert factors(StepDecay(warmup=10, every=20), 90, [4, 9, 10, 29, 30]) == pytest.approx(
        [0.5, 1.0, 1.0, 1.0, 0.1]
    )
    assert factors(Polynomial(warmup=10), 110, [10, 60, 110]) == pytest.approx([1.0, 0.5, 0.0])
    assert factors(Exponential(warmup=10), 110, [10, 60, 110]) == pytest.approx([1.0, 0.1, 0.01])
    assert factors(InverseTime(warmup=10, rate=3.0), 110, [10, 110]) == pytest.approx([1.0, 0.25])


def test_a_share_of_the_run_is_a_share_of_what_the_warm_up_leaves():
    assert factors(StepDecay(warmup=10, every=0.5), 110, [59, 60]) == [1.0, 0.1]


def test_restarts_grow_longer_and_lower_and_never_below_the_final_share():
    restarts = CosineRestarts(first=10, growth=3.0, shrink=0.5, final=0.1)
    assert factors(restarts, 130, [0, 5, 10, 25, 40]) == pytest.approx([1.0, 0.55, 0.5, 0.3, 0.25])
    assert CosineRestarts(first=1, growth=1.0, shrink=0.5, final=0.3).factor(
        9, total_steps=10
    ) == pytest.approx(0.3)


def test_cycles_are_halved_one_after_the_other():
    cyclic = Cyclic(half=10, low=0.2, shape="halving")
    assert factors(cyclic, 100, [0, 10, 20, 30, 50]) == pytest.approx([0.2, 1.0, 0.2, 0.6, 0.4])


@pytest.mark.parametrize(
    ("fall", "halfway"), [("linear", 0.5), ("cosine", 0.5), ("square_root", 1 - 0.5**0.5)]
)
def test_the_decay_at_the_end_has_the_shape_asked_for(fall, halfway):
    schedule = WarmupStableDecay(warmup=10, decay=40, fall=fall)
    assert factors(schedule, 100, [4, 10, 60, 80, 100]) == pytest.approx([0.5, 1, 1, halfway, 0])


def test_a_piece_holds_from_its_boundary_on():
    piecewise = Piecewise(boundaries=(0.25,), values=(0.5, 1.0))
    assert factors(piecewise, 100, [24, 25, 99]) == [0.5, 1.0, 1.0]


def plateau(scores: list[float], **options) -> float:
    return ReduceOnPlateau(**{"patience": 2, **options}).factor(0, total_steps=9, scores=scores)


def test_the_rate_is_lowered_after_more_evaluations_without_gain_than_patience():
    assert plateau([1.0, 1.0, 1.0]) == 1.0
    assert plateau([1.0, 1.0, 1.0, 1.0]) == pytest.approx(0.1)
    assert plateau([1.0] * 7) == pytest.approx(0.01)


def test_a_gain_starts_the_patience_anew():
    assert plateau([1.0, 1.0, 1.0, 0.5, 0.5, 0.5]) == 1.0


def test_a_gain_within_the_threshold_is_none():
    assert plateau([1.0, 0.99995, 0.99992, 0.99991]) == pytest.approx(0.1)


def test_a_negative_score_has_to_fall_to_gain():
    # Measured against the best's size, a threshold asks the same of negative scores.
    assert plateau([-1.0, -1.1, -1.2, -1.3, -1.4]) == 1.0
    assert plateau([-1.0, -0.99999, -0.99999, -0.99999]) == pytest.approx(0.1)


def test_a_score_that_is_no_number_is_no_gain():
    assert plateau([math.nan] * 3) == pytest.approx(0.1)
    assert plateau([1.0, math.nan, math.inf, math.nan]) == pytest.approx(0.1)


def test_the_rate_is_never_lowered_beyond_final():
    assert plateau([1.0] * 50, final=0.05) == 0.05


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Cosine(warmup=1.5, hold=-1),
            (
                "Cosine: warmup=1.5; expected a number of steps, or a share of the run from 0.0 to "
                "1.0.\n"
                "Cosine: hold=-1; expected a number of steps, or a share of the run from 0.0 to 1.0."
            ),
        ),
        (
            lambda: ReduceOnPlateau(reduction=1.0),
            "ReduceOnPlateau: reduction=1.0; expected a number between 0 and 1.",
        ),
        (
            lambda: Piecewise(boundaries=(0.5, 20), values=(1.0,)),
            (
                "Piecewise: boundaries=(0.5, 20); expected rising numbers of steps, or rising "
                "shares of the run from 0.0 to 1.0.\n"
                "Piecewise: values=(1.0,); expected 3 numbers from 0 to 1, one more than "
                "boundaries."
            ),
        ),
        (
            lambda: StepDecay(every=0, reduction=2.0),
            (
                "StepDecay: every=0; expected a number of steps, or a share of the run, above 0.\n"
                "StepDecay: reduction=2.0; expected a number above 0 and at most 1."
            ),
        ),
        (
            lambda: WarmupStableDecay(fall="steep"),
            "WarmupStableDecay: fall='steep'; expected linear, cosine or square_root.",
        ),
        (
            lambda: CosineLog(cycles=0),
            "CosineLog: cycles=0; expected a whole number of at least 1.",
        ),
        (
            lambda: schedule_from({"kind": "cosine", "warm_up": 5}),
            "schedule cosine: unknown setting 'warm_up'. Did you mean 'warmup'?",
        ),
    ],
)
def test_options_that_cannot_be_are_refused_in_words(make, message):
    with pytest.raises(ConfigError) as caught:
        make()
    assert str(caught.value) == message
