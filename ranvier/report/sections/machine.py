"""How to make it again: the command, the settings, the machine, the data's fingerprint."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from ranvier.report.blocks import details, facts, paragraph, table, value_of_data
from ranvier.report.gather import ReportData
from ranvier.report.markup import Markup, element
from ranvier.report.words import said, shorten


def machine_section(data: ReportData) -> Markup | None:
    """Environment, settings and the command line."""
    environment = data.run.get("environment") or {}
    return element(
        "section",
        element("h2", "How to make it again"),
        _command(data, environment),
        facts([
            ("Ranvier", environment.get("ranvier")),
            ("began", _moment(data.run.get("created"))),
            *[(str(name), value_of_data(said(value))) for name, value in environment.items()
              if name not in ("ranvier", "command") and value is not None],
        ]),
        _fingerprint(data),
        details("All settings", _settings(data)),
        id="machine",
    )  # fmt: skip


def _moment(stamp: object) -> str | None:
    """A time in UTC as people write it."""
    if stamp is None:
        return None
    return str(stamp).replace("T", " ").replace("+00:00", " UTC")


def _command(data: ReportData, environment: Mapping[str, Any]) -> Markup | None:
    command = data.run.get("command") or environment.get("command")
    if not command:
        return None
    typed = command if isinstance(command, str) else shlex.join(str(part) for part in command)
    return element(
        "div",
        paragraph("The same command on the same data and the same machine gives the same bits:"),
        element("pre", element("code", typed), class_="command"),
    )


def _fingerprint(data: ReportData) -> Markup | None:
    print_ = data.data.get("fingerprint")
    if not print_:
        return None
    return paragraph("Fingerprint of the data: ", element("code", print_), class_="quiet breaks")


def _settings(data: ReportData) -> Markup | None:
    settings = data.run.get("settings") or {}
    asked = data.run.get("requested") or {}
    rows = [
        (
            element("code", name),
            value_of_data(shorten(said(value), 200)),
            "asked for" if name in asked else "",
        )
        for name, value in settings.items()
    ]
    return table(("setting", "value", "from"), rows, class_="settings")
