from __future__ import annotations

import numpy as np
import pytest

from ranvier.data.order import epoch_order


def test_an_epoch_visits_every_row_once() -> None:
    assert sorted(epoch_order(3, 7, 100).tolist()) == list(range(100))


def test_order_depends_on_seed_and_epoch_and_on_nothing_else() -> None:
    np.random.default_rng(0).random(5)
    first = epoch_order(0, 0, 50)
    np.testing.assert_array_equal(first, epoch_order(0, 0, 50))
    assert (first != epoch_order(0, 1, 50)).any()
    assert (first != epoch_order(1, 0, 50)).any()


@pytest.mark.parametrize(("num_rows", "world"), [(10, 2), (11, 3), (2, 4), (0, 2)])
def test_processes_share_the_rows_in_equal_numbers(num_rows: int, world: int) -> None:
    shares = [epoch_order(0, 0, num_rows, rank, world) for rank in range(world)]
    assert len({len(share) for share in shares}) == 1
    assert set(np.concatenate(shares).tolist()) == set(range(num_rows))


def test_a_rank_outside_the_world_is_refused() -> None:
    with pytest.raises(ValueError, match="rank 2 of world 2"):
        epoch_order(0, 0, 10, 2, 2)
