"""The whole page: one file that needs nothing but itself."""

from __future__ import annotations

from pathlib import Path

from ranvier.report.gather import ReportData, gather
from ranvier.report.markup import element
from ranvier.report.sections import (
    answer,
    choices_section,
    data_section,
    doctor_section,
    inside_section,
    learning_section,
    machine_section,
    mistakes_section,
    network_section,
    pictures_section,
    scores_section,
    suspects_section,
    twins_section,
)
from ranvier.report.shell import asset, shell
from ranvier.runs import seal
from ranvier.runs.layout import RunFolder

SECTIONS = (
    ("doctor", "Doctor", doctor_section),
    ("data", "Data", data_section),
    ("pictures", "Pictures", pictures_section),
    ("choices", "Choices", choices_section),
    ("network", "Network", network_section),
    ("learning", "Learning", learning_section),
    ("scores", "Scores", scores_section),
    ("mistakes", "Errors", mistakes_section),
    ("suspects", "Labels", suspects_section),
    ("twins", "Twins", twins_section),
    ("inside", "Inside", inside_section),
    ("machine", "Make it again", machine_section),
)


def render(run_folder_path: str | Path) -> str:
    """The report of the run in a folder, as HTML; the same run gives the same text.

    Raises:
        RunError: if this is no run's folder, or a file of it is damaged.
    """
    return page(gather(run_folder_path))


def write_report(run_folder_path: str | Path) -> Path:
    """Put the report beside the run's other files, sealed; returns its path."""
    text = render(run_folder_path)
    path = RunFolder.open(run_folder_path).report
    seal.write_report(path, text)
    return path


def page(data: ReportData) -> str:
    """The report of what was gathered, as HTML."""
    found = [(id_, name, section(data)) for id_, name, section in SECTIONS]
    kept = [(id_, name, section) for id_, name, section in found if section is not None]
    links = [element("a", name, href=f"#{id_}") for id_, name, _ in kept]
    title = f"{data.name}: {data.task.target}"
    body = element(
        "body",
        element(
            "header",
            element("div", element("span", "Ranvier", class_="brand"), " report of a run",
                    class_="over"),
            element("h1", element("bdi", data.name)),
            element("nav", links, aria_label="sections"),
        ),
        element("main", answer(data), [section for _, _, section in kept]),
        element("footer", _colophon(data)),
        element("script", asset("page.js")),
    )  # fmt: skip
    return shell(title, body)


def _colophon(data: ReportData) -> list[object]:
    environment = data.run.get("environment") or {}
    version = environment.get("ranvier")
    made = f"Made by Ranvier{f' {version}' if version else ''} from the files of this run alone. "
    return [made, "It is one file: it opens offline, and nothing in it leaves this machine."]
