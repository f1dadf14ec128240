"""A program in another number format, with other kernels or threads: equal within rounding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from ranvier.core.errors import ConfigError, suggestion

NUMBER_FORMATS = ("float32", "bfloat16")
ATTENTIONS = ("fused", "plain")
LAYOUTS = ("as_is", "channels_first")
RECURRENTS = ("plain", "fused")


@dataclass(frozen=True, kw_only=True)
class Variant:
    """What may differ between two ways to compute the same update, each with bits of its own.

    `number_format`: of what enters the products and convolutions of the forward and backward pass.
    With bfloat16 the weights, their gradients, the optimiser's slots, norms, softmax and loss stay
    in float32, as torch's automatic mixed precision has it.
    `attention`: torch's fused kernel, or softmax(q kᵀ · scale + bias) v as plain products.
    `layout`: in which order convolutions read pictures: features last, as they come, or first.
    `recurrent`: torch's kernels of recurrent layers, or ours, which do a place in one product.
    `threads`: those of the processor that a kernel may use; None leaves the process as it is.

    >>> Variant(number_format="bfloat16", attention="plain").words
    'bfloat16 with plain attention'
    """

    number_format: str = "float32"
    attention: str = "fused"
    layout: str = "as_is"
    recurrent: str = "plain"
    threads: int | None = None

    def __post_init__(self) -> None:
        _refuse_unknown("number format", self.number_format, NUMBER_FORMATS)
        _refuse_unknown("attention", self.attention, ATTENTIONS)
        _refuse_unknown("layout", self.layout, LAYOUTS)
        _refuse_unknown("recurrent", self.recurrent, RECURRENTS)
        if self.threads is not None and self.threads < 1:
            raise ConfigError(f"threads={self.threads}: expected at least one. Leave it out.")

    @property
    def is_plain(self) -> bool:
        """Whether an update is computed as it is written: float32, torch's usual kernels."""
        return replace(self, threads=None) == Variant()

    @property
    def words(self) -> str:
        """The variant for people."""
        text = self.number_format
        if self.attention != "fused":
            text += f" with {self.attention} attention"
        if self.layout != "as_is":
            text += f", {self.layout.replace('_', ' ')}"
        if self.recurrent != "plain":
            text += f", {self.recurrent} recurrent layers"
        if self.threads is not None:
            text += f", {self.threads} thread{'s' * (self.threads > 1)}"
        return text

    def to_json(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Variant:
        """The variant of a document that `to_json` gave.

        Raises:
            ConfigError: for a name or a value that this Ranvier does not know.
        """
        known = {each.name for each in fields(cls)}
        strange = sorted(set(document) - known)
        if strange:
            raise ConfigError(f"a variant has no {strange[0]!r}. {suggestion(strange[0], known)}")
        threads = document.get("threads")
        if threads is not None and type(threads) is not int:
            raise ConfigError(f"threads={threads!r}: expected a whole number.")
        return cls(**document)


def _refuse_unknown(what: str, value: Any, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ConfigError(f"unknown {what} {value!r}. {suggestion(str(value), known)}")
