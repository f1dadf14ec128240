"""Terms beside the loss."""

from __future__ import annotations

import torch

from ranvier.nn.penalties import add_penalty, collected_penalties


def test_terms_come_in_the_order_in_which_they_were_added():
    with collected_penalties() as terms:
        add_penalty(torch.tensor(1.0))
        add_penalty(torch.tensor(2.0))
    assert torch.stack(terms).tolist() == [1.0, 2.0]


def test_a_term_that_nobody_asked_for_is_dropped():
    add_penalty(torch.tensor(1.0))
    with collected_penalties() as terms:
        pass
    assert terms == []


def test_the_innermost_collector_gets_a_term():
    with collected_penalties() as outer:
        with collected_penalties() as inner:
            add_penalty(torch.tensor(1.0))
        add_penalty(torch.tensor(2.0))
    assert (len(inner), len(outer)) == (1, 1)
