"""Leave out what gives the very tensor that came."""

from __future__ import annotations

import torch
from torch import fx

from ranvier.step.passes.effects import form, operation

_aten = torch.ops.aten
_VIEWS = frozenset(
    {
        _aten.t.default,
        _aten.transpose.int,
        _aten.permute.default,
        _aten.view.default,
        _aten._unsafe_view.default,
        _aten.expand.default,
        _aten.alias.default,
        _aten.detach.default,
        _aten.squeeze.dim,
        _aten.squeeze.dims,
        _aten.unsqueeze.default,
        _aten.slice.Tensor,
        _aten.select.int,
    }
)


def without_aliases(graph: fx.Graph) -> None:
    """Put the source in the place of a chain of views that ends in its own form, in place.

    So t(t(W)) is W, and so is W detached: the same memory read in the same order.
    """
    for node in graph.nodes:
        if operation(node) not in _VIEWS:
            continue
        source = node.args[0]
        while isinstance(source, fx.Node):
            if form(source) == form(node) and form(node) is not None:
                node.replace_all_uses_with(source)
                break
            if operation(source) not in _VIEWS:
                break
            source = source.args[0]
