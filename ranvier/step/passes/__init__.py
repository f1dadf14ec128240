"""Small rewritings of a captured update; each leaves every bit of every result as it was."""

from ranvier.step.passes.aliases import without_aliases
from ranvier.step.passes.constants import with_constants_once
from ranvier.step.passes.dead import without_dead
from ranvier.step.passes.places import refuse_other_places, with_copied_constants_once
from ranvier.step.passes.repeated import without_repeated
from ranvier.step.passes.run import PASSES, simplified

__all__ = [
    "PASSES",
    "refuse_other_places",
    "simplified",
    "with_constants_once",
    "with_copied_constants_once",
    "without_aliases",
    "without_dead",
    "without_repeated",
]
