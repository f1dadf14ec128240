"""Which parameters move alike: those that decay, those that are spared, those a pattern names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import accumulate, chain
from typing import Any

import torch
from torch import Tensor, nn

from ranvier.core.config import resolve, setting
from ranvier.core.errors import ConfigError, suggestion
from ranvier.optim.descent import Group
from ranvier.optim.optimizer import Optimizer

_NORMALISATION = ("norm", "ln", "bn")
_SPARED = ("bias", "scale", "gain", "gamma", "beta", "log")


def decays(name: str, parameter: Tensor) -> bool:
    """Whether a parameter is a weight of a dense, convolution or embedding layer.

    Such a weight multiplies inputs and has two axes or more. A bias or a normalisation's scale is
    spared: shrinking it moves what the network says without making it simpler. Number of axes
    alone would not tell, as the biases of an ensemble inside one network have two.

    >>> import torch
    >>> decays("dense_0.weight", torch.zeros(8, 4)), decays("dense_0.bias", torch.zeros(8))
    (True, False)
    """
    *path, last = name.lower().split(".")
    # The layer that holds it says; a wrapper further out, such as weight_norm, does not.
    layer = path[-1] if path else ""
    in_normalisation = "norm" in layer or layer.rstrip("0123456789_") in _NORMALISATION
    return (
        parameter.ndim >= 2
        and not in_normalisation
        and not any(word in last.split("_") for word in _SPARED)
    )


@dataclass(frozen=True, kw_only=True)
class GroupSettings:
    """What is said of the parameters whose names fit a pattern.

    It holds for every one of them, biases too. What is left at None stays as it is for the rest of
    the network.
    """

    learning_rate_factor: float = setting(1.0, "times the learning rate", least=0)
    weight_decay: float | None = setting(None, "pull towards 0", least=0)
    l1: float | None = setting(None, "penalty on absolute values", least=0)
    l2: float | None = setting(None, "penalty on squares, halved", least=0)
    orthogonal: float | None = setting(None, "penalty on rows that are not orthonormal", least=0)
    frozen: bool = setting(False, "whether they stay as they are")
    thaws_after: int = setting(0, "epochs before which they stay as they are", least=0)

    def rests(self, epoch: int | None) -> bool:
        """Whether they stay as they are in an epoch, counted from 0; None stands for the last."""
        return self.frozen or (epoch is not None and epoch < self.thaws_after)


Patterns = Mapping[str, GroupSettings]


def patterns_from(spec: Mapping[str, Mapping[str, Any]] | None) -> dict[str, GroupSettings]:
    """Patterns of parameter names and what is said of them, out of plain values.

    Raises:
        ConfigError: an unknown option or a value that it cannot take, for all patterns together.

    >>> patterns_from({"dense_0": {"learning_rate_factor": 0.1}})["dense_0"].learning_rate_factor
    0.1
    """
    found, problems = {}, []
    for pattern, options in (spec or {}).items():
        where = f"parameter_groups {pattern!r}"
        if not isinstance(options, Mapping):
            problems.append(
                f'{where}: got {options!r}; expected a mapping such as {{"frozen": true}}.'
            )
            continue
        try:
            found[pattern] = resolve(GroupSettings, (where, options))
        except ConfigError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError("\n".join(problems))
    return found


def check_patterns(patterns: Patterns, names: Iterable[str]) -> None:
    """Refuse, all at once, the patterns that no name fits.

    Raises:
        ConfigError: with the nearest name for each.
    """
    names = list(names)
    known = dict.fromkeys([*(name.rpartition(".")[0] or name for name in names), *names])
    problems = [
        f"parameter_groups: no parameter fits {pattern!r}. {suggestion(pattern, known)}"
        for pattern in patterns
        if not any(fits(pattern, name) for name in names)
    ]
    if problems:
        raise ConfigError("\n".join(problems))


def fits(pattern: str, name: str) -> bool:
    """Whether a pattern means the parameter called `name`: by itself, or by what it lies in.

    >>> fits("dense_0", "dense_0.weight"), fits("*.bias", "dense_0.bias"), fits("dense", "dense_0")
    (True, True, False)
    """
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*")


def said_of(name: str, patterns: Patterns) -> GroupSettings:
    """The settings of the first pattern that a name fits, or those that change nothing."""
    return next((said for p, said in patterns.items() if fits(p, name)), GroupSettings())


def freeze(module: nn.Module, patterns: Patterns, *, epoch: int | None = None) -> None:
    """Put the module into training, all but what is to stay as it is.

    Parameters that rest take no gradient. A part of the network rests where every parameter and
    buffer in it does: it runs as in evaluation, so that running statistics stay too and nothing in
    it is random. `epoch` counts from 0; without it all that will thaw has thawed.

    Raises:
        ConfigError: a pattern that no parameter fits.
    """
    named = dict(module.named_parameters())
    check_patterns(patterns, named)
    for name, parameter in named.items():
        said = said_of(name, patterns)
        # What no pattern speaks of is left as it came: a module may have frozen it itself.
        if said.frozen or said.thaws_after:
            parameter.requires_grad_(not said.rests(epoch))
    module.train()
    for part in _resting(module, patterns, epoch):
        part.eval()


def _resting(module: nn.Module, patterns: Patterns, epoch: int | None) -> list[nn.Module]:
    """The parts of the module that hold something, all of which rests."""
    holds: set[str] = set()
    moves: set[str] = set()
    for name in (n for n, _ in chain(module.named_parameters(), module.named_buffers())):
        path = name.rpartition(".")[0]
        around = {path, *accumulate(path.split("."), "{}.{}".format), ""}
        holds |= around
        if not said_of(name, patterns).rests(epoch):
            moves |= around
    return [part for path, part in module.named_modules() if path in holds - moves]


def groups_for(
    optimizer: Optimizer,
    named: Mapping[str, Tensor],
    *,
    l1: float = 0.0,
    l2: float = 0.0,
    orthogonal: float = 0.0,
    patterns: Patterns | None = None,
) -> tuple[Group, ...]:
    """The parameters in groups that move alike, each for one call of its optimiser's kernel.

    Weight decay and penalties are for weights, not for biases nor normalisation scales, unless a
    pattern says otherwise; of two patterns that fit the first counts.

    Raises:
        ConfigError: learning rates that differ, where the optimiser moves all parameters alike.
    """
    # A kernel takes one list of tensors of one precision on one device.
    alike: dict[tuple[Group, torch.dtype, torch.device], list[int]] = {}
    names = list(named)
    for member, positions in optimizer.members(named):
        rate = member.learning_rate / optimizer.learning_rate if optimizer.learning_rate else 1.0
        full = Group(
            positions=(),
            optimizer=member,
            weight_decay=member.weight_decay,
            l1=l1,
            l2=l2,
            orthogonal=orthogonal,
        )
        for position in positions:
            name = names[position]
            parameter = named[name]
            spared = Group(positions=(), optimizer=member)
            base = full if decays(name, parameter) else spared
            group = _with(base, said_of(name, patterns or {}), rate)
            alike.setdefault((group, parameter.dtype, parameter.device), []).append(position)
    groups = tuple(replace(group, positions=tuple(found)) for (group, *_), found in alike.items())
    if optimizer.moves_all_alike:
        _require_alike(optimizer, groups)
    return groups


def _require_alike(optimizer: Optimizer, groups: Iterable[Group]) -> None:
    for group in groups:
        if group.learning_rate_factor == 1 and not group.thaws_after:
            continue
        option = "thaws_after is not 0" if group.thaws_after else "learning_rate_factor is not 1"
        raise ConfigError(
            f"parameter_groups: {option}, but {optimizer.kind} moves all parameters along one "
            "direction. Leave it out, or take another optimizer."
        )


def _with(group: Group, said: GroupSettings, rate: float) -> Group:
    told = {
        name: getattr(said, name)
        for name in ("weight_decay", "l1", "l2", "orthogonal")
        if getattr(said, name) is not None
    }
    return replace(
        group,
        learning_rate_factor=rate * said.learning_rate_factor,
        thaws_after=said.thaws_after,
        **told,
    )
