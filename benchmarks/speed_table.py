"""What was raced, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.machine import sentence
from benchmarks.speed_rows import OTHER_QUALITY

HEAD = (
    "| contender | samples/s | ms a step | time ÷ ours (least–most) | import, s | first step, s "
    "| memory, MiB | test loss | quality | of peak |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)


def summary(races: Sequence[dict[str, Any]]) -> str:
    """One line a workload: our rate, the fastest peer that learns the same, and the aim."""
    lines = [
        "| workload | Ranvier, samples/s | fastest peer | its time ÷ ours (least–most) | aim |",
        "| --- | --- | --- | --- | --- |",
    ]
    for race in races:
        own = first_of_ours(race)
        fastest = fastest_peer(race)
        if own is None or fastest is None or "ratio" not in fastest:
            lines.append(f"| {race['title']} | – | – | – | {race['aim']:g} |")
            continue
        lines.append(
            f"| {race['title']} | {_rate(own)} | {fastest['title']} | {_ratio(fastest)} "
            f"| {race['aim']:g} |"
        )
    return "\n".join(lines)


def first_of_ours(race: dict[str, Any]) -> dict[str, Any] | None:
    return next((row for row in race["rows"] if row["is_ours"] and "step_seconds" in row), None)


def fastest_peer(race: dict[str, Any]) -> dict[str, Any] | None:
    """The fastest of those whose quality is equal."""
    counted = [row for row in race["rows"] if not row["is_ours"] and row["status"] == "ok"]
    return min(counted, key=lambda row: row["step_seconds"], default=None)


def table(race: dict[str, Any]) -> str:
    """All contenders of one workload, the fastest first; those that failed say why."""
    ran = sorted(
        (row for row in race["rows"] if "step_seconds" in row), key=lambda row: row["step_seconds"]
    )
    others = [row for row in race["rows"] if "step_seconds" not in row]
    lines = [HEAD, *(_row(row) for row in ran)]
    lines += [f"| {row['title']} | {row['status']} {'| ' * 8}|" for row in others]
    return "\n".join(lines)


def notes(race: dict[str, Any]) -> list[str]:
    """What contenders say of how they were run."""
    return [f"{row['title']}: {row['note']}." for row in race["rows"] if row.get("note")]


def _row(row: dict[str, Any]) -> str:
    title = f"**{row['title']}**" if row["is_ours"] else row["title"]
    other = f" ({OTHER_QUALITY})" if row["status"] == OTHER_QUALITY else ""
    share = f"{100 * row['share_of_peak']:.1f} %" if "share_of_peak" in row else ""
    cells = (
        title + other,
        _rate(row),
        f"{1e3 * row['step_seconds']:.3g}",
        _ratio(row),
        f"{row['import_seconds']:.2f}",
        _first_step(row),
        f"{row['peak_bytes'] / 2**20:.0f}",
        f"{row['loss']:.4g}",
        f"{row['quality']:.4g}",
        share,
    )
    return f"| {' | '.join(cells)} |"


def _first_step(row: dict[str, Any]) -> str:
    after = row.get("next_first_step_seconds")
    then = "" if after is None else f" (then {after:.2f})"
    return f"{row['first_step_seconds']:.2f}{then}"


def _rate(row: dict[str, Any]) -> str:
    return f"{row['rows_per_second']['median']:,.0f}"


def _ratio(row: dict[str, Any]) -> str:
    found = row.get("ratio")
    if found is None:
        return "–"
    return f"{found['median']:.2f} ({found['least']:.2f}–{found['most']:.2f})"


def diagnostics_table(rows: Sequence[dict[str, Any]]) -> str:
    """W9: what it costs to look inside, workload by workload."""
    lines = ["| W9: diagnostics on ÷ off | time (least–most) | aim |", "| --- | --- | --- |"]
    for row in rows:
        found = _ratio(row) if "ratio" in row else row["status"]
        lines.append(f"| {row['title']} | {found} | at most 1.03 |")
    return "\n".join(lines)


def command_table(found: dict[str, Any]) -> str:
    """W10: the command line around training."""
    beyond = found["beyond_seconds"]
    return (
        f"| W10: `ranvier train` on {found['rows']:,} rows | process, s | training in it, s "
        "| beyond it, s (least–most) | aim |\n| --- | --- | --- | --- | --- |\n"
        f"| {found['made_of']} | {found['process_seconds']['median']:.2f} "
        f"| {found['training_seconds']['median']:.2f} | {beyond['median']:.2f} "
        f"({beyond['least']:.2f}–{beyond['most']:.2f}) | at most {found['aim_seconds']:g} |"
    )


def page(result: dict[str, Any]) -> str:
    """Everything that was measured, and what it was measured on."""
    parts = []
    for device, races in result["races"].items():
        parts += [f"### On {device}", summary(races)]
        for race in races:
            parts += [f"#### {race['title']}", f"{race['made_of']}.", table(race), *notes(race)]
    if result.get("diagnostics"):
        parts.append(diagnostics_table(result["diagnostics"]))
    if result.get("command_line"):
        parts.append(command_table(result["command_line"]))
    parts.append(_under(result))
    return "\n\n".join(parts) + "\n"


def _under(result: dict[str, Any]) -> str:
    peaks = "; ".join(
        f"{device}: "
        + ", ".join(f"{name} {rate / 1e12:.2f} TFLOP/s" for name, rate in formats.items())
        for device, formats in result["peaks"].items()
    )
    versions = ", ".join(f"{name} {version}" for name, version in result["peers"].items())
    return (
        f"Medians of {result['rounds']} rounds in turns, after one that is not counted; ratios "
        "are of the same round. A row counts where test loss and quality are the reference's "
        f"within the spread over its {result['seeds']} seeds (Student's t, 5 %). "
        f"Best rate of 2048³ products: {peaks}. "
        f"Measured on: {sentence(result['machine'])}. Peers: {versions}."
    )
