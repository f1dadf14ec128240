"""What a recorder is given, refused where it could never work."""

from __future__ import annotations

from typing import Any

from torch import nn

from ranvier.core.errors import ConfigError


def check(model: Any, optimizer: Any, loss: Any) -> None:
    """Refuse what could never be recorded, all of it at once.

    Raises:
        ConfigError: one of them is something else than it should be.
    """
    wrong = []
    if not isinstance(model, nn.Module):
        wrong.append(f"model is a {type(model).__name__}; expected the torch.nn.Module that trains")
    if optimizer is not None and not hasattr(optimizer, "param_groups"):
        wrong.append(
            f"optimizer is a {type(optimizer).__name__}; expected one of torch.optim, or None"
            + (" (this has one: give its .optimizer)" if hasattr(optimizer, "optimizer") else "")
        )
    if isinstance(loss, type):
        wrong.append(
            f"loss is the class {loss.__name__}; expected one made of it: {loss.__name__}()"
        )
    elif loss is not None and not callable(loss):
        wrong.append(
            f"loss is a {type(loss).__name__}, a value; expected the function or module that the "
            "loop calls, loss(outputs, targets)"
        )
    if wrong:
        raise ConfigError("rv.Recorder: " + "; ".join(wrong) + ".")
