"""The report as a whole: right numbers, nothing missing, nothing from outside, nothing executed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ranvier.core.errors import DamagedError, RunError
from ranvier.report import render, write_report
from ranvier.report.gather import gather
from ranvier.report.page import page
from ranvier.runs.documents import read_document, write_document
from ranvier.runs.events import EventWriter
from ranvier.runs.layout import RunFolder
from ranvier.runs.seal import check_report, seal_report
from ranvier.spec import Dense, Network, TableFeatures
from tests.unit.report.conftest import Told
from tests.unit.report.tables import houses, letters, people

RUNS = ("binary_run", "letter_run", "regression_run")


class Page(HTMLParser):
    """What a browser would see: elements, attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("script", "style"):
            self.text += data.replace("\N{NO-BREAK SPACE}", " ")

    @property
    def sections(self) -> list[str | None]:
        return [attributes.get("id") for tag, attributes in self.elements if tag == "section"]


def drawings(text: str) -> list[str]:
    return re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL)


@pytest.fixture(params=RUNS)
def any_run(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


def test_every_section_of_a_finished_run_is_there_in_order(any_run: Path) -> None:
    assert Page(render(any_run)).sections == [
        "answer", "doctor", "data", "choices", "network", "learning", "scores", "mistakes", "inside",
        "machine",
    ]  # fmt: skip


def test_the_answer_names_the_primary_metric_on_test_and_the_baseline(binary_run: Path) -> None:
    data = gather(binary_run)
    value, trivial = (found["accuracy"] for found in (data.metrics("test"), data.baseline("test")))
    assert (
        f"On 360 test rows the network reaches accuracy {value:.4f}; the trivial answer, always "
        f"the most frequent class, gets {trivial:.4f}."
    ) in Page(render(binary_run)).text


def test_the_answer_of_a_regression_compares_with_the_mean(regression_run: Path) -> None:
    data = gather(regression_run)
    value, trivial = (found["r2"] for found in (data.metrics("test"), data.baseline("test")))
    assert (
        f"On 300 test rows the network reaches R² {value:.4f}; the trivial answer, always the "
        f"mean of the training rows, gets {trivial:.4f}.".replace("-", "−")
    ) in Page(render(regression_run)).text


def test_every_metric_of_every_split_is_in_the_report(any_run: Path) -> None:
    text = Page(render(any_run)).text
    summary = json.loads((any_run / "summary.json").read_text())
    for split, metrics in summary["metrics"].items():
        for name, value in metrics.items():
            shown = f"{value:.4f}" if abs(value) < 10 else f"{value:,.0f}"
            assert shown.replace("-", "−") in text, (split, name)


def test_every_count_of_the_confusion_matrix_can_be_read(letter_run: Path) -> None:
    confusion = gather(letter_run).evaluations["test"]["confusion"]
    text = render(letter_run).replace("\N{NO-BREAK SPACE}", " ")
    for label, row in zip(confusion["labels"], confusion["counts"], strict=True):
        for other, amount in zip(confusion["labels"], row, strict=True):
            if amount:
                assert f"truth {label}, predicted {other}: {amount} rows" in text


def test_precision_and_recall_of_a_class_follow_from_the_counts(binary_run: Path) -> None:
    (right, missed), (wrong, found) = gather(binary_run).evaluations["test"]["confusion"]["counts"]
    text = Page(render(binary_run)).text
    for share in (found / (found + missed), found / (found + wrong), right / (right + missed)):
        assert f"{100 * share:.1f}".removesuffix(".0") + " %" in text


def test_worst_errors_show_the_values_of_their_rows(binary_run: Path) -> None:
    worst = gather(binary_run).evaluations["test"]["errors"][0]
    text = Page(render(binary_run)).text
    assert f"row {worst['row']:,} was {worst['truth']}, predicted {worst['predicted']}" in text
    assert f"occupation {worst['values']['occupation']}" in text


def test_the_command_the_fingerprint_and_the_version_are_there(any_run: Path) -> None:
    data = gather(any_run)
    text = Page(render(any_run)).text
    assert " ".join(data.run["command"]) in text
    assert data.data["fingerprint"] in text
    assert "Made by Ranvier 0.1.0" in text


def test_each_picture_says_how_to_read_it(any_run: Path) -> None:
    text = render(any_run)
    pictures = len(re.findall(r'<figure class="figure(?! small)', text))
    galleries = text.count('class="caption"')
    assert pictures >= 12
    assert text.count("How to read it. ") == pictures + galleries


def test_every_drawing_is_valid_xml_with_a_name(any_run: Path) -> None:
    found = drawings(render(any_run))
    assert len(found) > 20
    for drawing in found:
        root = ElementTree.fromstring(drawing)
        assert root.attrib["aria-label"]
        assert root.find("{http://www.w3.org/2000/svg}title") is not None
        assert "nan" not in re.sub(r">[^<]*<", "><", drawing).lower()


def test_nothing_is_fetched_from_anywhere(any_run: Path) -> None:
    text = render(any_run)
    assert set(re.findall(r"https?://[^\s\"'<]*", text)) == {"http://www.w3.org/2000/svg"}
    assert "url(" not in text and "@import" not in text
    for tag, attributes in Page(text).elements:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form")
        assert "src" not in attributes and "srcset" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
    assert "default-src 'none'" in text


def test_links_of_the_page_lead_to_its_sections(any_run: Path) -> None:
    page = Page(render(any_run))
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    assert links == [f"#{name}" for name in page.sections if name != "answer"]


def test_every_opened_element_is_closed_in_order(any_run: Path) -> None:
    assert Page(render(any_run)).open == []


def test_the_same_run_gives_the_same_bytes(any_run: Path) -> None:
    assert render(any_run) == render(any_run)


def test_the_report_is_small(make_run: Callable[..., Path], letter_run: Path) -> None:
    assert len(render(letter_run).encode()) < 400_000
    long = make_run(letters(2000), epochs=120)
    assert len(render(long).encode()) < 600_000


def test_the_written_report_is_the_rendered_one_and_carries_its_seal(binary_run: Path) -> None:
    path = write_report(binary_run)
    assert path == RunFolder.open(binary_run).report
    assert path.read_text(encoding="utf-8") == seal_report(render(binary_run))
    check_report(path)


def test_rendering_imports_no_torch_and_no_data_library(binary_run: Path) -> None:
    program = (
        "import sys; from ranvier.report import render; "
        f"render({str(binary_run)!r}); "
        "print([name for name in ('torch', 'polars', 'numpy', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert "torch" not in done.stdout and "polars" not in done.stdout


# Runs that lack a part.


def test_a_run_that_died_shows_its_curves_and_says_that_it_is_not_over(
    make_run: Callable[..., Path],
) -> None:
    page = Page(render(make_run(people(900), epochs=6, dies_at=3)))
    assert "scores" not in page.sections and "mistakes" not in page.sections
    assert {"learning", "inside", "network"} <= set(page.sections)
    assert "Not yet: these are its files after 3 recorded epochs." in page.text
    assert "The run has not been measured on the test rows yet" in page.text


def test_a_run_that_has_only_begun_renders(make_run: Callable[..., Path], tmp_path: Path) -> None:
    whole = make_run(people(900), epochs=1)
    begun = RunFolder.create(tmp_path / "begun")
    begun.run.write_bytes((whole / "run.json").read_bytes())
    page = Page(render(begun.path))
    assert page.sections == ["answer", "data", "choices", "machine"]
    assert "The run has recorded no epoch yet" in page.text
    EventWriter(begun.events).close()
    assert Page(render(begun.path)).sections == page.sections


def test_without_a_test_part_validation_is_judged_and_the_caution_is_said(
    make_run: Callable[..., Path],
) -> None:
    run = make_run(people(900), epochs=3, told=Told(without=frozenset({"test"})))
    text = Page(render(run)).text
    assert "On 135 validation rows the network reaches" in text
    assert "they also picked the best epoch, so this flatters a little" in text


def test_without_validation_and_test_the_training_rows_are_judged_with_a_warning(
    make_run: Callable[..., Path],
) -> None:
    run = make_run(people(900), epochs=3, told=Told(without=frozenset({"test", "validation"})))
    text = Page(render(run)).text
    assert "new rows will do worse" in text
    assert "There was no validation part to hold the curves against." in text


def test_one_epoch_is_drawn_as_points(make_run: Callable[..., Path]) -> None:
    text = render(make_run(houses(600), epochs=1))
    loss = next(drawing for drawing in drawings(text) if "Loss by epoch" in drawing)
    assert loss.count("<circle") == 2
    for drawing in drawings(text):
        ElementTree.fromstring(drawing)


def test_a_module_of_the_users_own_is_told_by_its_parameters(
    make_run: Callable[..., Path],
) -> None:
    run = make_run(people(900), epochs=2)
    (run / "network.json").unlink()
    page = Page(render(run))
    assert "network" in page.sections
    assert "dense_1.weight" in page.text and "16 × 32" in page.text


def test_a_network_for_tables_needs_no_recorded_shape(make_run: Callable[..., Path]) -> None:
    run = make_run(people(300), epochs=1)
    network = Network(TableFeatures(numeric=3, cardinalities=(7, 2)), Dense(2))
    document = json.loads(network.to_json())
    (run / "network.json").unlink()
    write_document(run / "network.json", {k: v for k, v in document.items() if k != "format"})
    asked = read_document(run / "run.json")
    del asked["input_shape"]
    write_document(run / "run.json", asked)
    text = Page(render(run)).text
    assert "table_features_0" in text
    assert f"{network.describe().parameters:,} trainable numbers" in text


def test_many_parameters_are_told_apart_by_the_ends_of_their_names(
    make_run: Callable[..., Path],
) -> None:
    run = make_run(people(300), epochs=2)
    data = gather(run)
    names = [f"a_long_block_of_layers.repeat_{i}.dense.weight" for i in range(30)]
    start = {**data.start, "parameters": names}
    windows = [
        {**window, "parameter_gradient_norm": {"mean": [0.1 * (i + 1) for i in range(30)]}}
        for window in data.of_kind("window")
    ]
    events = {**data.events, "start": (start,), "window": tuple(windows)}
    text = page(replace(data, events=events))
    assert "repeat_7.dense.weight</text>" in text
    assert "10 more are in the run's events." in text.replace("&#x27;", "'")


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="this is not a run"):
        render(tmp_path)


def test_a_damaged_file_is_refused_and_not_reported_on(make_run: Callable[..., Path]) -> None:
    run = make_run(people(900), epochs=2)
    path = run / "summary.json"
    path.write_text(path.read_text().replace("0.", "0.1", 1))
    with pytest.raises(DamagedError, match=r"summary\.json: damaged"):
        render(run)


# Hostile data.

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'; alert(1); '",
    "</style></script><svg onload=alert(1)>",
    "&lt;b&gt; &amp;",
    "javascript:alert(1)",
    "\u202egnp.exe",
    "\x00\x1b[31m",
    "]]> <!-- -->",
    "a" * 5000,
]


def hostile(text: str) -> Told:
    finding = {
        "severity": "error", "symptom": text, "category": "data", "where": text, "advice": text,
        "number": 0, "evidence": {text: text}, "cure": text,
    }  # fmt: skip
    return Told(
        run={
            "choices": [{"what": text, "value": {text: [text]}, "why": text}],
            "command": ["ranvier", "train", text],
            "created": text,
            "environment": {"ranvier": text, "platform": text, text: text},
            "requested": {text: text},
            "settings": {text: text},
        },
        summary={"findings": [finding], "status": text},
    )


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_comes_from_data_is_text_and_never_markup(
    make_run: Callable[..., Path], text: str
) -> None:
    table = people(300)
    columns = {text if name == "occupation" else name: v for name, v in table.columns.items()}
    table.columns = {
        name: [text] * 300 if name == "age" else values for name, values in columns.items()
    }
    table.classes = (text, text + "2")
    table.columns["income"] = [table.classes[code] for code in table.truth]
    for profile in table.profiles:
        profile |= {"why": text, "examples": [text], "top": [{"value": text, "count": 3}]}
    table.profiles[2]["name"] = table.profiles[4]["kind"] = text
    calm = Page(render(make_run(people(300), epochs=2)))
    page_text = render(make_run(table, epochs=2, told=hostile(text)))
    page = Page(page_text)
    assert page.open == []
    assert sum(tag == "script" for tag, _ in page.elements) == 1
    assert {tag for tag, _ in page.elements} <= {tag for tag, _ in calm.elements}
    for _, attributes in page.elements:
        assert not any(name.startswith("on") for name in attributes)
    assert not re.search("[\x00\x1b\u202e]", page_text)
    page_text.encode("utf-8")
    for drawing in drawings(page_text):
        ElementTree.fromstring(drawing)


def test_a_hostile_name_reads_as_it_is_written(make_run: Callable[..., Path]) -> None:
    name = "<b>age</b> & 'sex'"
    table = people(300)
    table.profiles[0]["name"] = name
    assert name in Page(render(make_run(table, epochs=1))).text
