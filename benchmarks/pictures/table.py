"""One table of all cells: accuracy over seeds, and what it took."""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.pictures.contests import CONTESTS, TITLES
from benchmarks.pictures.race import Cell


def summarise(cells: dict[tuple[str, str, int], Cell]) -> list[dict[str, Any]]:
    """A row per contest and contender."""
    rows = []
    for contest in CONTESTS.values():
        for contender, title in TITLES.items():
            found = [cell for key, cell in cells.items() if key[:2] == (contest.name, contender)]
            if not found:
                continue
            accuracies = [cell["accuracy"] for cell in found]
            # A neighbour on a shared machine can double one seed's time; the median stays.
            taken = {
                name: statistics.median(cell[name] for cell in found)
                for name in ("processor_seconds", "wall_seconds", "parameters")
            }
            rows.append(
                {
                    "contest": contest.name,
                    "contender": contender,
                    "title": title,
                    "accuracies": accuracies,
                    "mean": statistics.fmean(accuracies),
                    "deviation": statistics.stdev(accuracies) if len(found) > 1 else 0.0,
                    "aim": contest.accuracy,
                    "epochs": statistics.median(cell.get("epochs", 0) for cell in found),
                    **taken,
                    "machine": found[-1]["machine"],
                }
            )
    return rows


def markdown(rows: list[dict[str, Any]]) -> str:
    text = [
        "| contest | network | accuracy, mean ± sd | least | seeds | epochs | processor seconds "
        "| seconds waited | parameters |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        epochs = f"{row['epochs']:.0f}" if row["epochs"] else ""
        text.append(
            f"| {row['contest']} | {row['title']} | {row['mean']:.4f} ± {row['deviation']:.4f} "
            f"| {min(row['accuracies']):.4f} | {len(row['accuracies'])} | {epochs} "
            f"| {row['processor_seconds']:,.0f} | {row['wall_seconds']:,.0f} "
            f"| {row['parameters']:,.0f} |"
        )
    return "\n".join(text) + "\n"
