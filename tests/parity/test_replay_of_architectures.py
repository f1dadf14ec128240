"""Every ready architecture trains to the same bits when its update is captured."""

from __future__ import annotations

import pytest

from tests.laws.test_architectures import SMALL, Small
from tests.laws.test_sequence_architectures import CASES, Case
from tests.parity.updates import differing, update_of_architecture

STEPS = 6


@pytest.mark.parametrize("case", [*SMALL, *CASES], ids=str)
def test_an_architecture_trains_to_the_bits_of_eager(case: Small | Case) -> None:
    update = update_of_architecture(case)
    _, wanted = update.run("eager", steps=STEPS)
    replayed, came = update.run("replay", steps=STEPS)
    assert replayed.remarks == []
    assert differing(came, wanted) == []
