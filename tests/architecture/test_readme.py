"""What the README and docs/ show exists: verbs, options, make targets, names, files, known data."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import pytest

import ranvier as rv
from ranvier.cli.app import VERBS
from ranvier.data.known import is_known

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PLACEHOLDERS = {"SOURCE", "FOLDER", "RUN", "NETWORK", "NAME", "VERB", "FILE", "SHAPE"}


def blocks(page: Path, language: str) -> list[str]:
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [text for written, text in found if written == language]


def typed() -> list[tuple[str, list[str]]]:
    """Every command of a console block, and every `ranvier …` in running text."""
    found = []
    for page in PAGES:
        for block in blocks(page, "console"):
            for line in block.splitlines():
                if line.startswith("$ "):
                    found.append((page.name, shlex.split(line[2:], comments=True)))
        text = BLOCK.sub("", page.read_text(encoding="utf-8"))
        for code in re.findall(r"`(ranvier [^`]+)`", text):
            found.append((page.name, shlex.split(code)))
    return found


COMMANDS = typed()
RANVIER = [(page, words[1:]) for page, words in COMMANDS if words[0] == "ranvier"]


def options_of(verb: list[str]) -> set[str]:
    import io
    from contextlib import redirect_stdout

    from ranvier.cli.app import app

    shown = io.StringIO()
    with redirect_stdout(shown):
        app([*verb, "--help"], exit_on_error=False)
    return set(re.findall(r"--[a-z][a-z0-9-]*", shown.getvalue())) | {"--help"}


@pytest.mark.parametrize(("page", "words"), RANVIER, ids=lambda value: str(value)[:60])
def test_a_command_that_is_shown_has_that_verb_and_those_options(
    page: str, words: list[str]
) -> None:
    if words[0] == "VERB" or words[0].startswith("--"):
        return
    assert words[0] in VERBS, f"{page}: ranvier {words[0]}"
    verb = words[:2] if words[0] == "data" else words[:1]
    used = {word.partition("=")[0] for word in words if word.startswith("--")}
    missing = used - options_of(verb)
    assert not missing, f"{page}: ranvier {' '.join(words)}: {sorted(missing)}"


@pytest.mark.parametrize(
    ("page", "words"),
    [(page, words) for page, words in RANVIER if words[0] == "train" and len(words) > 1],
    ids=lambda value: str(value)[:60],
)
def test_what_is_trained_on_comes_with_ranvier(page: str, words: list[str]) -> None:
    assert words[1] in PLACEHOLDERS or words[1].startswith("--") or is_known(words[1])


def test_the_options_that_tables_name_exist() -> None:
    verbs = ("train", "predict", "describe", "explain")
    known = {option for verb in verbs for option in options_of([verb])}
    for page in PAGES:
        text = BLOCK.sub("", page.read_text(encoding="utf-8"))
        named = {
            option
            for code in re.findall(r"`(--[^`]+)`", text)
            for option in re.findall(r"--[a-z][a-z-]*", code)
        }
        assert named <= known, f"{page.name}: {sorted(named - known)}"


def test_make_has_the_targets_that_are_shown() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {
        *(words[1] for _, words in COMMANDS if words[0] == "make"),
        *(name for page in PAGES
          for name in re.findall(r"`make ([a-z-]+)`", page.read_text(encoding="utf-8"))),
    }  # fmt: skip
    assert targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_that_is_shown_parses_and_uses_names_that_exist(page: Path) -> None:
    for block in blocks(page, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                if node.value.id == "rv":
                    assert hasattr(rv, node.attr), f"{page.name}: rv.{node.attr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_folders_that_the_map_of_the_tree_names_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \d \| ([^|]+) \|", text, re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`([^`]+)`", row)]
    assert "core" in named
    for name in named:
        assert (ROOT / "ranvier" / name).exists(), name
