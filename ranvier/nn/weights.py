"""Weights from elsewhere: a file or state dict is laid onto a module, every key accounted for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ranvier.core.errors import NetworkError, suggestion

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Split:
    """Cuts one tensor of theirs along `axis` into ours, in order, each as long as ours is."""

    names: tuple[str, ...]
    axis: int = 0

    def __init__(self, *names: str, axis: int = 0) -> None:
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "axis", axis)

    def pieces(self, tensor: Tensor, wanted: list[Shape]) -> list[Tensor]:
        lengths = [shape[self.axis] if shape else 0 for shape in wanted]
        if sum(lengths) != tensor.shape[self.axis]:
            return [tensor] * len(wanted)
        return list(tensor.split(lengths, self.axis))


@dataclass(frozen=True)
class Transposed:
    """Swaps the last two axes of their tensor, as of a weight that is [in, out].

    `of` is our name, or a `Split` that cuts what is transposed already.
    """

    of: str | Split

    @property
    def names(self) -> tuple[str, ...]:
        return (self.of,) if isinstance(self.of, str) else self.of.names

    def pieces(self, tensor: Tensor, wanted: list[Shape]) -> list[Tensor]:
        turned = tensor.mT if tensor.ndim > 1 else tensor
        return [turned] if isinstance(self.of, str) else self.of.pieces(turned, wanted)


@dataclass(frozen=True)
class Reshaped:
    """Gives their numbers our shape, in the order in which they lie: [out, in, 1] to [out, in]."""

    name: str

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,)

    def pieces(self, tensor: Tensor, wanted: list[Shape]) -> list[Tensor]:
        fits = tensor.numel() == torch.Size(wanted[0]).numel()
        return [tensor.reshape(wanted[0]) if fits else tensor]


Names = Mapping[str, "str | Split | Transposed | Reshaped | None"]
"""Their name -> ours. A word in braces stands for one part between dots, the same on both sides:
`{"layer.{i}.query.{what}": "repeat_0.{i}.query.{what}"}`. None leaves their tensor out, if it is
there."""


@dataclass(frozen=True)
class WeightReport:
    """What became of every key: printing it is the use.

    `used` holds pairs (theirs, ours); `unused` their names that went nowhere, `unfilled` ours that
    kept what they had, `mismatched` (theirs, its shape, ours, our shape).
    """

    used: tuple[tuple[str, str], ...]
    unused: tuple[str, ...]
    unfilled: tuple[str, ...]
    mismatched: tuple[tuple[str, Shape, str, Shape], ...]

    def __str__(self) -> str:
        total = len(self.used) + len(self.unfilled) + len(self.mismatched)
        lines = [f"{len(self.used)} of {total} tensors of the module filled"]
        lines += [f"  used        {theirs} -> {ours}" for theirs, ours in self.used]
        lines += [f"  unused      {theirs}" for theirs in self.unused]
        lines += [f"  unfilled    {ours}" for ours in self.unfilled]
        lines += [
            f"  mismatched  {theirs} {came} -> {ours} {wanted}"
            for theirs, came, ours, wanted in self.mismatched
        ]
        return "\n".join(lines)


def load_weights(
    module: nn.Module,
    source: str | Path | Mapping[str, Tensor],
    *,
    names: Names | None = None,
    strict: bool = True,
) -> WeightReport:
    """Fill `module` with weights from elsewhere and say what became of every key.

    `source` is a safetensors file or a state dict. `names` says what their names are here; a name
    that it does not mention is looked up as it is. Numbers take the type that the module has.

    Strictly, every parameter must be filled and every tensor that was mapped must fit; their
    tensors that go nowhere are only reported. The module is filled wholly or, on an error, not.

    >>> module = nn.Linear(2, 3)
    >>> theirs = {"fc.weight": torch.ones(3, 2), "fc.bias": torch.zeros(3), "step": torch.ones(())}
    >>> print(load_weights(module, theirs, names={"fc.{what}": "{what}"}))
    2 of 2 tensors of the module filled
      used        fc.weight -> weight
      used        fc.bias -> bias
      unused      step

    Raises:
        NetworkError: for a file that cannot be read; strictly, for all keys at once that do not
            fit, are missing, or are named but not there.
    """
    theirs = source if isinstance(source, Mapping) else read_weights(source)
    # Of tensors with two names in the module, such as tied ones, each name may be filled.
    own = module.state_dict()
    plan, unused, problems = _matched(theirs, own, names or {})
    fitting, mismatched = [], []
    for key, ours, tensor in plan:
        if tensor.shape == own[ours].shape:
            fitting.append((key, ours, tensor))
        else:
            mismatched.append((key, tuple(tensor.shape), ours, tuple(own[ours].shape)))
    filled = {ours for _, ours, _ in fitting} | {ours for *_, ours, _ in mismatched}
    report = WeightReport(
        used=tuple((key, ours) for key, ours, _ in fitting),
        unused=tuple(unused),
        unfilled=tuple(name for name in own if name not in filled),
        mismatched=tuple(mismatched),
    )
    if strict:
        _require(report, problems, module, theirs)
    with torch.no_grad():
        for _, ours, tensor in fitting:
            own[ours].copy_(tensor)
    return report


def read_weights(source: str | Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file by name.

    Raises:
        NetworkError: for a file that cannot be read.
    """
    path = Path(source)
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        hint = (
            "A pickled file may run code when it is read: read it where you trust it, with "
            "weights_only=True, and give the state dict."
            if path.suffix in (".pt", ".pth", ".bin", ".ckpt")
            else "Give a .safetensors file or a state dict."
        )
        raise NetworkError(f"{path}: no weights can be read from it ({error}). {hint}") from error


def _matched(
    theirs: Mapping[str, Tensor], own: Mapping[str, Tensor], names: Names
) -> tuple[list[tuple[str, str, Tensor]], list[str], list[str]]:
    """Triples (their name, ours, tensor), their names that go nowhere, and what is wrong."""
    rules = [(_pattern(pattern), target, pattern) for pattern, target in names.items()]
    # To leave out what is not there is no fault: some files hold constants, others do not.
    idle = {pattern for _, target, pattern in rules if target is not None}
    plan: list[tuple[str, str, Tensor]] = []
    unused, problems = [], []
    for key, tensor in theirs.items():
        targets: tuple[str, ...] = (key,)
        pieces = [tensor]
        for pattern, target, written in rules:
            found = pattern.fullmatch(key)
            if found:
                idle.discard(written)
                targets, pieces = _targets(target, found.groupdict(), tensor, own)
                unknown = [name for name in targets if name not in own]
                problems += [f"{key} -> {name}: {_unknown(name, own)}" for name in unknown]
                break
        known = [(key, ours, piece) for ours, piece in zip(targets, pieces, strict=True)]
        known = [each for each in known if each[1] in own]
        plan += known
        if not known:
            unused.append(key)
    problems += [f"names: nothing there is called {pattern!r}." for pattern in sorted(idle)]
    twice = {ours for _, ours, _ in plan if sum(o == ours for _, o, _ in plan) > 1}
    problems += [f"{ours}: more than one of their tensors would fill it." for ours in sorted(twice)]
    return plan, unused, problems


def _pattern(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", pattern)
    seen: set[str] = set()
    written = ""
    for place, part in enumerate(parts):
        if place % 2 == 0:
            written += re.escape(part)
        else:
            written += f"(?P={part})" if part in seen else f"(?P<{part}>[^.]+)"
            seen.add(part)
    return re.compile(written)


def _targets(
    target: str | Split | Transposed | Reshaped | None,
    words: Mapping[str, str],
    tensor: Tensor,
    own: Mapping[str, Tensor],
) -> tuple[tuple[str, ...], list[Tensor]]:
    if target is None:
        return (), []
    if isinstance(target, str):
        return (_filled_in(target, words),), [tensor]
    targets = tuple(_filled_in(name, words) for name in target.names)
    wanted = [tuple(own[name].shape) if name in own else () for name in targets]
    return targets, target.pieces(tensor, wanted)


def _filled_in(name: str, words: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: words.get(found[1], found[0]), name)


def _unknown(name: str, own: Mapping[str, Tensor]) -> str:
    return f"the module has no {name!r}. {suggestion(name, own)}".rstrip()


def _require(
    report: WeightReport, problems: list[str], module: nn.Module, theirs: Mapping[str, Tensor]
) -> None:
    parameters = {name for name, _ in module.named_parameters(remove_duplicate=False)}
    lines = [
        *problems,
        *(
            f"{ours}: got {theirs} of shape {came}; expected {wanted}."
            for theirs, came, ours, wanted in report.mismatched
        ),
        *(f"{name}: nothing fills it." for name in report.unfilled if name in parameters),
    ]
    if not lines:
        return
    spare = ", ".join(report.unused[:5]) or "none"
    more = f" and {len(report.unused) - 5} more" if len(report.unused) > 5 else ""
    hint = "Say in `names` what their names are here, or give strict=False to fill what fits."
    raise NetworkError("\n".join([*lines, f"Not used of theirs: {spare}{more}. {hint}"]))
