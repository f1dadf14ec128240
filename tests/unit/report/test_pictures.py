"""What a report says and shows of a run of pictures, and that none of it can be anything else."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ranvier.core.random import generator
from ranvier.report.gather import ReportData, gather
from ranvier.report.page import page
from ranvier.report.png import encode_png
from ranvier.report.sections import data_section
from ranvier.report.thumbnail import size_of, thumbnail
from tests.unit.report.tables import houses, letters
from tests.unit.report.test_render import HOSTILE, Page

Json = dict[str, Any]
CLASSES = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def png(side: int = 8, *, seed: int = 0) -> str:
    pixels = generator(seed, "png").integers(0, 256, (side, side)).astype(np.uint8)
    return base64.b64encode(encode_png(pixels)).decode()


def picture(name: str = "A/one.png", **more: Any) -> Json:
    return {"png": png(), "name": name, "number": 1, **more}


def records(name: str = "A/one.png", label: str = "A") -> list[Json]:
    """One record of each kind, as a run of pictures writes them."""
    return [
        {"what": "samples", "classes": 26, "items": [picture(name, label=label)] * 3},
        {"what": "augmented", "layers": ["RandomFlip()"],
         "items": [picture(name, label=label, draws=[png(seed=1), png(seed=2)])],
         "mixed": [{"kind": "mixup", "png": png(), "of": [label, "B"], "share": 0.75}]},
        {"what": "classes", "part": "test", "items": [
            {"label": label, "precision": 0.5, "recall": 0.25, "f1": 1 / 3, "support": 40,
             "taken_for": "B", "taken": 17},
            *[{"label": other, "precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 60,
               "taken_for": None, "taken": 0} for other in "BC"]]},
        {"what": "errors", "part": "test", "wrong": 31, "of": 600, "items": [
            picture(name, heat=png(seed=3), truth=label, predicted="B", confidence=0.99999,
                    truth_probability=0.00001)]},
        {"what": "suspects", "found": {"train": 2, "test": 1},
         "looked_at": {"train": 2800, "test": 600}, "items": [
            picture(name, part="test", about=None, given=label, suggested="B",
                    given_probability=0.001, suggested_probability=0.98)]},
        {"what": "twins", "groups": 4, "unlike_labels": 1, "across_parts": 2, "items": [
            {"size": 2, "pictures": [picture(name, part="train", label=label),
                                     picture("B/two.png", part="test", label="B")]}]},
    ]  # fmt: skip


def profile(name: str = "A/one.png") -> Json:
    """What reading the pictures leaves in run.json."""
    return {
        "source": "pictures/letters", "listing": {"kind": "folder"}, "left_out": 3,
        "form": {"height": 28, "width": 20, "channels": 3, "why": "28×20 colour: the median"},
        "traits": {"PNG": 3990, "turned by its camera": 10},
        "sizes": {"pictures": 4000, "different": 2, "commonest": [
            {"width": 20, "height": 28, "count": 3000}, {"width": 40, "height": 56, "count": 1000}]},
        "problems": [{"kind": "truncated", "is_left_out": True, "count": 3, "names": [name],
                      "detail": f"{name} ends after 12 bytes"}],
        "target": {"name": "letter", "classes": [
            {"name": each, "train": 100, "validation": 20, "test": 30} for each in CLASSES]},
        "parts": {"train": 2800, "validation": 600, "test": 600},
        "twins": {"exact": 3, "near": 1, "groups": []},
        "symmetry": {"flips": True, "flips_vertically": False, "turns": False,
                     "evidence": "a simple classifier keeps 69 %"},
        "split": "2,800 pictures to train.",
    }  # fmt: skip


def of_pictures(data: ReportData, told: list[Json], about: Json) -> ReportData:
    document = {**data.run["data"], **about}
    document.pop("columns", None)
    events = {**data.events, "pictures": tuple({"kind": "pictures", **each} for each in told)}
    run = {**data.run, "application": "image", "data": document}
    return replace(data, run=run, events=events)


@pytest.fixture(scope="module")
def letters_seen(make_run: Callable[..., Path]) -> ReportData:
    return of_pictures(gather(make_run(letters(2000), epochs=3)), records(), profile())


@pytest.fixture(scope="module")
def seen(letters_seen: ReportData) -> Page:
    return Page(page(letters_seen))


def test_pictures_have_their_sections_where_they_belong(seen: Page) -> None:
    assert seen.sections == [
        "answer", "doctor", "data", "pictures", "choices", "network", "learning", "scores",
        "mistakes", "suspects", "twins", "inside", "machine",
    ]  # fmt: skip
    assert seen.open == []


def test_what_is_said_of_rows_elsewhere_is_said_of_pictures(seen: Page) -> None:
    of_the_map = ("A row is a parameter", "A row that is pale all along")
    text = seen.text
    for words in of_the_map:
        text = text.replace(words, "")
    assert re.findall(r"[^.]*\brows?\b[^.]*", text, re.IGNORECASE) == []
    assert "test pictures the network reaches accuracy" in seen.text
    assert "training pictures" in seen.text
    assert "ranvier predict RUN new-pictures --out predictions.csv" in seen.text


def test_every_picture_is_in_the_page_and_nothing_is_fetched(letters_seen: ReportData) -> None:
    text = page(letters_seen)
    images = [attributes for tag, attributes in Page(text).elements if tag == "img"]
    assert len(images) == 3 + 3 + 1 + 2 + 1 + 2
    for attributes in images:
        assert size_of((attributes["src"] or "").removeprefix("data:image/png;base64,")) == (8, 8)
        assert attributes["alt"]
        assert set(attributes) <= {"src", "alt", "title", "width", "height", "class"}
    policy = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
                      "img-src data:"]  # fmt: skip
    assert set(re.findall(r"https?://[^\s\"'<]*", text)) == {"http://www.w3.org/2000/svg"}


def test_the_data_says_form_sizes_symmetry_copies_and_what_was_odd(seen: Page) -> None:
    for words in (
        "from letters.", "28 × 20 colour", "28×20 colour: the median",
        "20 × 28", "There are 2 sizes", "3,990 PNG and 10 turned by its camera",
        "They may be mirrored left to right, but not mirrored upside down or given quarter turns: "
        "a simple classifier keeps 69 %.",
        "4 pairs of pictures look the same, 3 of them byte for byte.",
        "truncated", "left out", "A/one.png and 2 more", "A/one.png ends after 12 bytes",
        "150 (3.8 %)",
    ):  # fmt: skip
        assert words in seen.text, words


def test_an_error_says_truth_answer_sureness_and_name(seen: Page) -> None:
    assert "Of 600 test pictures 31 are answered wrong (5.2 %)." in seen.text
    assert "was A, said B> 99.9 % sure, < 0.1 % for the truthA/one.png" in seen.text
    assert "the warmer, the more" in seen.text


def test_without_heat_no_heat_is_explained(letters_seen: ReportData) -> None:
    told = [{**each, "items": [{**item, "heat": None} for item in each["items"]]}
            if each["what"] == "errors" else each for each in records()]  # fmt: skip
    assert "the warmer" not in page(of_pictures(letters_seen, told, {}))


def test_doubts_say_what_was_looked_at_and_how(seen: Page) -> None:
    assert "3 labels may be wrong: 2 of 2,800 training pictures and 1 of 600 test pictures" in (
        seen.text
    )
    assert "labelled Alooks like B98 % against 0.1 %test: A/one.png" in seen.text
    assert "the network that learnt their labels, wrong ones too" in seen.text


def test_no_doubt_is_said_too(letters_seen: ReportData) -> None:
    calm = {"what": "suspects", "found": {"test": 0}, "looked_at": {"test": 600}, "items": []}
    text = Page(page(of_pictures(letters_seen, [calm], {}))).text
    assert "It doubts none of the labels of 600 test pictures." in text
    assert "Training pictures were not looked at." in text


def test_twins_say_that_labels_differ_and_parts_are_crossed(seen: Page) -> None:
    assert "4 groups of pictures that look the same were found." in seen.text
    assert "labels differin two parts" in seen.text
    assert "1 are shown" in seen.text


def test_the_recorded_classes_say_what_each_is_taken_for(seen: Page) -> None:
    assert "mostly taken for" in seen.text
    assert "A50 %25 %0.33340B 17" in seen.text


def test_a_run_of_pictures_without_records_has_no_empty_sections(letters_seen: ReportData) -> None:
    sections = Page(page(of_pictures(letters_seen, [], {}))).sections
    assert not {"pictures", "suspects", "twins"} & set(sections)
    assert "mistakes" in sections


def test_what_could_not_be_made_is_said(letters_seen: ReportData) -> None:
    failed = [{"what": "augmented", "items": [], "failed": "RuntimeError: <no memory>"}]
    text = Page(page(of_pictures(letters_seen, failed, {}))).text
    assert "Could not be made: augmented (RuntimeError: <no memory>)." in text


def test_a_number_is_told_without_classes(make_run: Callable[..., Path]) -> None:
    told = [
        {"what": "samples", "classes": 0, "items": [picture(label=12.5), picture(label=80.0)]},
        {"what": "errors", "part": "test", "wrong": 300, "of": 300, "items": [
            picture(heat=png(), truth=3.0, predicted=9.25)]},
    ]  # fmt: skip
    about = {"target": {"name": "price", "mean": 3.0}, "form": {}}
    data = of_pictures(gather(make_run(houses(600), epochs=2)), told, about)
    text = Page(page(data)).text
    assert "The test pictures whose number is furthest off, worst first." in text
    assert "was 3, said 9.25" in text
    assert "what spoke for the number that it gave" in text


def test_several_classes_are_told_one_by_one(letters_seen: ReportData) -> None:
    task = {"kind": "multilabel", "target": "signs", "classes": ["A", "B"]}
    told = [
        {"what": "classes", "part": "test", "items": [
            {"label": "A", "precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 9,
             "roc_auc": 0.875, "average_precision": 0.625}]},
        {"what": "errors", "part": "test", "wrong": 1, "of": 10, "items": [
            picture(heat=None, truth=[], predicted=["A", "B"], about="B", confidence=0.97)]},
        {"what": "suspects", "found": {"test": 1}, "looked_at": {"test": 10}, "items": [
            picture(part="test", about="B", given=True, suggested=False, given_probability=0.01,
                    suggested_probability=0.99)]},
    ]  # fmt: skip
    data = of_pictures(letters_seen, told, {})
    text = Page(page(replace(data, run={**data.run, "task": task}))).text
    assert "A50 %50 %0.590.8750.625" in text
    assert "was none of them, said A and B97 % sure of B" in text
    assert "labelled: has Blooks as if it has none" in text


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_names_and_labels_of_files_are_text_and_never_markup(
    letters_seen: ReportData, text: str, seen: Page
) -> None:
    told = [*records(text, text), {"what": "twins", "items": [], "failed": text}]
    about = profile(text)
    about["form"]["why"] = about["symmetry"]["evidence"] = about["path"] = about["split"] = text
    about["problems"][0]["kind"] = text
    about["traits"] = {text: 3}
    for each in told:
        for item in each["items"]:
            item["layers"] = [text]
    told[1]["layers"] = [text]
    hostile = Page(page(of_pictures(letters_seen, told, about)))
    assert hostile.open == []
    assert sum(tag == "script" for tag, _ in hostile.elements) == 1
    assert {tag for tag, _ in hostile.elements} <= {tag for tag, _ in seen.elements} | {"small"}
    for tag, attributes in hostile.elements:
        assert not any(name.startswith("on") for name in attributes)
        if tag == "img":
            assert (attributes["src"] or "").startswith("data:image/png;base64,iVBORw0KGgo")


@pytest.mark.parametrize(
    "found",
    [
        None, 7, "", "javascript:alert(1)", "iVBORw0KGgo", base64.b64encode(b"GIF89a" * 9).decode(),
        png() + '" onerror="alert(1)', png()[:40] + "\n" + png()[40:], "data:" + png(),
        base64.b64encode(encode_png(np.zeros((2, 600), dtype=np.uint8))).decode(),
    ],
    ids=range(10),
)  # fmt: skip
def test_what_is_no_small_png_is_not_shown(found: object) -> None:
    assert thumbnail(found, "a picture") is None


def test_small_pictures_grow_by_whole_pixels_and_large_ones_shrink() -> None:
    small, large = thumbnail(png(28), "x", side=60), thumbnail(png(96), "x", side=60)
    assert small is not None and 'width="56" height="56"' in small and "pixels" in small
    assert large is not None and 'width="60" height="60"' in large and "pixels" not in large


def test_a_profile_that_says_little_is_shown_as_far_as_it_goes(letters_seen: ReportData) -> None:
    for left in ({}, {"problems": "?", "twins": None, "sizes": [], "form": 3, "symmetry": 1}):
        bare = replace(letters_seen, run={**letters_seen.run, "data": {"path": "x", **left}})
        assert data_section(bare) is not None
