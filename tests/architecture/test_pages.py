"""The pages that say what the vocabulary is and how it is put together say what the code does."""

from __future__ import annotations

import ast
import re
import runpy
from contextlib import chdir, redirect_stdout
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

import ranvier as rv
from ranvier.diagnose import RULES
from ranvier.spec.architectures import ARCHITECTURES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
NETWORKS = (DOCS / "networks.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
VOCABULARY = (DOCS / "vocabulary.md").read_text(encoding="utf-8")
BETWEEN = "----- the next block -----"
SVG = "{http://www.w3.org/2000/svg}"

# A block of Python, and what it prints where the page shows that.
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)


def example(name: str) -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(ROOT / "examples" / f"{name}.py")))


def test_the_vocabulary_is_what_the_registries_hold() -> None:
    written = example("vocabulary").page()
    assert written == VOCABULARY, "run: python examples/vocabulary.py docs/vocabulary.md"


def test_whatever_the_vocabulary_names_can_be_written() -> None:
    names = set(re.findall(r"^\| `rv\.(\w+)`", VOCABULARY, re.MULTILINE))
    assert len(names) > 200
    assert not [name for name in names if not hasattr(rv, name)]


def test_a_layer_that_no_family_has_is_refused() -> None:
    program = example("vocabulary")
    known = dict(program.LAYER_FAMILIES)
    del known["Pooling"]
    with pytest.raises(ValueError, match=r"\['global_pooling', 'pooling'\]; put them in one"):
        program.families(rv.LAYERS, known)


def printed(blocks: list[str], folder: Path) -> list[str]:
    """What blocks print that run one after the other, as one program."""
    script = folder / "page.py"
    script.write_text(f"print({BETWEEN!r})\n".join(blocks), encoding="utf-8")
    with redirect_stdout(StringIO()) as output, chdir(folder):
        runpy.run_path(str(script), run_name="page")
    return output.getvalue().split(f"{BETWEEN}\n")


def test_the_blocks_of_networks_run_and_print_what_is_shown(tmp_path: Path) -> None:
    blocks = BLOCK.findall(NETWORKS)
    assert len(blocks) == NETWORKS.count("```python") > 10
    came = printed([code for code, _ in blocks], tmp_path)
    for (code, shown), output in zip(blocks, came, strict=True):
        assert not shown or output == shown, f"after\n{code}came\n{output}"


def test_the_network_of_the_readme_prints_what_is_shown(tmp_path: Path) -> None:
    ((code, shown),) = [block for block in BLOCK.findall(README) if block[1]]
    assert printed([code], tmp_path) == [shown]


ROW = re.compile(r"^\| `(\w+)` \| `(.+?)` \| ([\d,]+) \|[^|]+\|(.*)\|$", re.MULTILINE)
ROWS = ROW.findall(NETWORKS)


def test_the_page_names_every_ready_architecture() -> None:
    named = [name for row in ROWS for name in (row[0], *re.findall(r"`(\w+)`", row[3]))]
    assert sorted(named) == sorted(ARCHITECTURES)


@pytest.mark.parametrize(
    ("name", "shapes", "parameters"), [row[:3] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_an_architecture_has_the_parameters_that_the_page_says(
    name: str, shapes: str, parameters: str
) -> None:
    found = ARCHITECTURES[name]().describe(input=ast.literal_eval(shapes)).parameters
    assert f"{found:,}" == parameters


def test_the_picture_of_a_graph_is_as_its_program_draws_it() -> None:
    written = (DOCS / "pictures" / "network.svg").read_text(encoding="utf-8")
    assert example("draw_network").picture() == written, (
        "run: python examples/draw_network.py docs/pictures/network.svg"
    )


DOCTOR = DOCS / "doctor"
PICTURES = sorted((DOCTOR / "pictures").glob("*.svg"))


def test_the_pages_of_symptoms_say_what_the_rules_say() -> None:
    written = {page.name: page.read_text(encoding="utf-8") for page in DOCTOR.glob("*.md")}
    made = example("doctor_pages").pages(DOCTOR / "pictures")
    assert written == made, "run: python examples/doctor_pages.py docs/doctor"


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_a_picture_of_a_symptom_is_small_and_names_it(path: Path) -> None:
    symptom = RULES[int(path.stem)].symptom
    drawn = ElementTree.fromstring(path.read_bytes())
    heads = [text.text for text in drawn.iter(f"{SVG}text") if text.get("class") == "head"]
    assert heads == ["healthy", symptom.name], (
        "run: python examples/doctor_pictures.py docs/doctor/pictures"
    )
    assert path.stat().st_size <= 20_000


def test_most_symptoms_that_show_in_curves_have_a_picture() -> None:
    assert len(PICTURES) > 30


def test_the_loop_of_the_doctors_page_finds_what_is_shown(tmp_path: Path) -> None:
    page = (DOCTOR / "README.md").read_text(encoding="utf-8")
    ((code, shown),) = BLOCK.findall(page)
    assert printed([code], tmp_path) == [shown]
