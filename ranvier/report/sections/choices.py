"""What was chosen for the user, and why."""

from __future__ import annotations

from ranvier.report.blocks import paragraph, table, value_of_data
from ranvier.report.gather import ReportData
from ranvier.report.markup import Markup, element
from ranvier.report.words import number, said, shorten


def choices_section(data: ReportData) -> Markup | None:
    """The table of choices, and the interventions made on the way."""
    rows = [
        (
            element("code", choice.get("what", "")),
            value_of_data(shorten(said(choice.get("value")), 200)),
            value_of_data(choice.get("why", "")),
        )
        for choice in data.run.get("choices") or ()
        if isinstance(choice, dict)
    ]
    changes = [
        (number(event.get("step")), value_of_data(shorten(said(_told(event)), 300)))
        for event in data.of_kind("intervention")
    ]
    if not rows and not changes:
        return None
    return element(
        "section",
        element("h2", "What was chosen, and why"),
        paragraph("Whatever the command did not say was chosen before training began. Each choice "
                  "is overruled by the option of the same name, such as ",
                  element("code", "--batch-size 64"), "."),
        table(("setting", "value", "why"), rows, class_="choices"),
        element("h3", "Changed on the way") if changes else None,
        table(("step", "change"), changes),
        id="choices",
    )  # fmt: skip


def _told(event: object) -> object:
    assert isinstance(event, dict)
    return {key: value for key, value in event.items() if key not in ("kind", "step")}
