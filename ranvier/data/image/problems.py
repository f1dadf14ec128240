"""What is wrong with the pictures of a source, said at once and not one by one."""

from __future__ import annotations

from collections.abc import Iterable

from ranvier.data.image.listing import Problem

_NAMED = 3


def summary(problems: Iterable[Problem]) -> str:
    """All problems in a few lines: each kind with its count, its first names and one reason.

    >>> print(summary([Problem("a.png", "truncated", "it ends after 100 bytes")]))
    1 problem with the pictures:
      truncated (1, left out): a.png: it ends after 100 bytes
    >>> summary([])
    ''
    """
    groups: dict[tuple[str, bool], list[Problem]] = {}
    count = 0
    for problem in problems:
        groups.setdefault((problem.kind, problem.is_left_out), []).append(problem)
        count += 1
    if not groups:
        return ""
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    lines = [f"{count:,} problem{'s' * (count > 1)} with the pictures:"]
    return "\n".join(lines + [f"  {_line(*kind, group)}" for kind, group in ordered])


def _line(kind: str, is_left_out: bool, group: list[Problem]) -> str:
    first = group[0]
    head = f"{kind} ({len(group):,}, left out)" if is_left_out else f"{kind} ({len(group):,})"
    if len(group) == 1:
        return f"{head}: {first.name}: {first.detail}"
    named = ", ".join(problem.name for problem in group[:_NAMED])
    more = f" and {len(group) - _NAMED:,} more" if len(group) > _NAMED else ""
    alike = len({problem.detail for problem in group}) == 1
    return f"{head}: {named}{more}: {'' if alike else 'the first: '}{first.detail}"
