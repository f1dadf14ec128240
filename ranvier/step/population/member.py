"""One of many models that are trained together, and how to make it out of another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from torch import nn

from ranvier.core.errors import ConfigError, suggestion
from ranvier.nn import build
from ranvier.step.program import Program


@dataclass(frozen=True)
class Member:
    """A program on a module of its own, and the seed of the random numbers that it draws.

    Alone it is what the program does in eager mode after `torch.manual_seed(seed)`.
    """

    program: Program
    seed: int = 0


def vary(
    program: Program,
    *,
    seed: int = 0,
    module: nn.Module | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Member:
    """The same program with weights of another seed and other settings, by their dotted names.

    The network is built anew from its description with `seed`, unless `module` is given, such as
    one of another dropout rate. What a learning rate is comes with each step, not from here.

    Raises:
        ConfigError: for all settings at once that the program does not have; for a value that one
            cannot take; for a module that nothing says how to build.

    >>> from ranvier.core.task import Task
    >>> from ranvier.losses import CrossEntropy
    >>> from ranvier.optim import AdamW
    >>> from ranvier.spec import Dense, Network
    >>> from ranvier.step.head import Head
    >>> head = Head(Task("classification", "y", ("a", "b", "c")))
    >>> network = build(Network(Dense(3)), 5)
    >>> program = Program(module=network, head=head, loss=CrossEntropy(), optimizer=AdamW())
    >>> vary(program, seed=7, settings={"optimizer.weight_decay": 0.3}).program.optimizer
    AdamW(learning_rate=0.001, weight_decay=0.3, beta1=0.9, beta2=0.999, epsilon=1e-08, \
amsgrad=False)
    """
    problems: list[str] = []
    changed: Any = replace(program, module=module or _rebuilt(program.module, seed))
    for path, value in (settings or {}).items():
        changed = _with(changed, path, path.split("."), value, problems)
    if problems:
        raise ConfigError("\n".join(problems))
    return Member(changed, seed)


def _rebuilt(module: nn.Module, seed: int) -> nn.Module:
    description = getattr(module, "description", None)
    if description is None:
        raise ConfigError(
            f"a {type(module).__name__} without a description came; expected a network that "
            "`build` made, to build it again. Give each member its own `module`."
        )
    shapes: Any = module.input_shapes
    return build(description, shapes if len(shapes) > 1 else shapes[0], seed=seed)


def _with(owner: Any, path: str, names: list[str], value: Any, problems: list[str]) -> Any:
    first, *rest = names
    known = [f.name for f in fields(owner) if f.init] if is_dataclass(owner) else []
    if first not in known or (first == "module" and not rest):
        what = type(owner).__name__
        problems.append(f"{path}: {what} has no setting {first!r}. {suggestion(first, known)}")
        return owner
    if rest:
        value = _with(getattr(owner, first), path, rest, value, problems)
    return owner if problems else replace(owner, **{first: value})
