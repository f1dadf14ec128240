"""Files and functions stay small enough to be read in one sitting, and say what they are."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.tree import MODULES, PACKAGE, ROOT, syntax

LINES_OF_A_MODULE = 400
LINES_OF_A_FUNCTION = 40
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "misc"}


def functions(module: str) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [
        node
        for node in ast.walk(syntax(module))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def lines_of_code(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """From `def` to the end, the docstring left out: equations and examples cost nothing."""
    assert function.end_lineno is not None
    length = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is not None:
        text = function.body[0]
        assert text.end_lineno is not None
        length -= text.end_lineno - text.lineno + 1
    return length


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_read_in_one_sitting(module):
    assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) <= LINES_OF_A_MODULE


@pytest.mark.parametrize("module", MODULES)
def test_a_function_fits_one_screen(module):
    lengths = {function.name: lines_of_code(function) for function in functions(module)}
    assert {name: size for name, size in lengths.items() if size > LINES_OF_A_FUNCTION} == {}


def is_said_by_its_symptom(node):
    """A rule of the doctor: what it means, its statistic and its threshold are its symptom's text."""
    return any(
        isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id == "rule"
        for each in node.decorator_list
    )


@pytest.mark.parametrize("module", MODULES)
def test_everything_public_has_a_docstring(module):
    tree = syntax(module)
    missing = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
        and not is_said_by_its_symptom(node)
    ]
    assert ast.get_docstring(tree), "the module itself says nothing"
    assert missing == []


def test_no_file_or_folder_has_a_name_that_says_nothing():
    paths = [path for folder in (PACKAGE, ROOT / "tests") for path in folder.rglob("*")]
    assert [str(path) for path in paths if path.stem in NAMES_THAT_SAY_NOTHING] == []


def test_unit_tests_mirror_the_package():
    unit = ROOT / "tests" / "unit"
    folders = {path.parent.relative_to(unit) for path in unit.rglob("test_*.py")}
    astray = [
        str(folder)
        for folder in sorted(folders)
        if not (PACKAGE / folder).is_dir() and not (ROOT / folder).is_dir()
    ]
    assert astray == []
