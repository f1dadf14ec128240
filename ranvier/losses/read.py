"""From a name or `{kind, options}` to a loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ranvier.core.errors import ConfigError
from ranvier.core.kinds import from_spec
from ranvier.losses.loss import LOSSES, Loss
from ranvier.losses.per_member import PerMember


def loss_from(spec: Loss | Mapping[str, Any] | str) -> Loss:
    """The loss that `spec` is, names, or holds the `to_json` of.

    Raises:
        UnknownNameError: no loss of that name; the nearest is offered.
        ConfigError: an unknown option, or a value that it cannot take.

    >>> loss_from({"kind": "huber", "delta": 2})
    Huber(delta=2.0)
    >>> loss_from("hubr")
    Traceback (most recent call last):
        ...
    ranvier.core.errors.UnknownNameError: unknown loss 'hubr'. Did you mean 'huber'?
    """
    if isinstance(spec, Loss):
        return spec
    if isinstance(spec, Mapping) and spec.get("kind") == PerMember.kind:
        if set(spec) != {"kind", "loss"}:
            raise ConfigError(
                f"loss per_member: got the options {sorted(set(spec) - {'kind'})}; "
                "expected 'loss' alone, the loss of one member."
            )
        return PerMember(loss_from(spec["loss"]))
    return from_spec(LOSSES, spec)
