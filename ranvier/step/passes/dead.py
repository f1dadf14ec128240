"""Leave out what nobody looks at."""

from __future__ import annotations

from torch import fx

from ranvier.step.passes.effects import is_pure


def without_dead(graph: fx.Graph) -> None:
    """Erase the operations whose values are not used, in place.

    What writes to memory stays, and so does what draws random numbers, since all later draws
    would change. fx's own elimination keeps neither fused optimisers nor such draws apart.
    """
    for node in reversed(list(graph.nodes)):
        if not node.users and is_pure(node):
            graph.erase_node(node)
