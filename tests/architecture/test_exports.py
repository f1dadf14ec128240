"""What a folder offers is written in its `__all__`, and everything offered is there."""

from __future__ import annotations

import ast
import importlib

import pytest

from tests.architecture.tree import MODULES, syntax

FOLDERS = [module for module, path in MODULES.items() if path.name == "__init__.py"]


def exported(module: str) -> list[str] | None:
    for node in syntax(module).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            return list(ast.literal_eval(node.value))
    return None


def reexported(module: str) -> set[str]:
    return {
        alias.asname or alias.name
        for node in syntax(module).body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ranvier")
        for alias in node.names
        if f"{node.module}.{alias.name}" not in MODULES  # a module that enters itself in a registry
    }


@pytest.mark.parametrize("module", FOLDERS)
def test_all_names_exactly_what_the_folder_reexports(module):
    names = exported(module)
    offered = {name for name in reexported(module) if not name.startswith("_")}
    if names is None:
        assert offered == set(), f"{module} re-exports {sorted(offered)} without __all__"
        return
    assert len(names) == len(set(names))
    assert offered <= set(names)


@pytest.mark.parametrize("module", [module for module in MODULES if exported(module) is not None])
def test_every_name_in_all_is_there(module):
    loaded = importlib.import_module(module)
    assert [name for name in exported(module) if not hasattr(loaded, name)] == []


@pytest.mark.parametrize("module", FOLDERS)
def test_a_folder_says_what_belongs_in_it(module):
    assert ast.get_docstring(syntax(module))
