"""Imports flow down the tiers of docs/architecture.md, never sideways, never around."""

from __future__ import annotations

import pytest

from tests.architecture.tree import MODULES, own_imports

TIERS = [
    {"core"},
    {"spec", "runs"},
    {"nn", "losses", "metrics", "optim", "data", "report"},
    {"step", "explain", "export"},
    {"train", "diagnose"},
    {"tune", "serve"},
    {"apps"},
    {"api", "estimators"},
    {"cli", "dashboard"},
]
TIER_OF = {folder: tier for tier, folders in enumerate(TIERS) for folder in folders}
SURFACE = {"ranvier", "ranvier.__main__"}


def folder_of(module: str) -> str:
    return module.split(".")[1]


@pytest.mark.parametrize("module", [module for module in MODULES if module not in SURFACE])
def test_a_module_imports_its_own_folder_and_lower_tiers_only(module):
    assert folder_of(module) in TIER_OF, f"{module}: give {folder_of(module)!r} a tier"
    wrong = [
        str(found)
        for found in own_imports(module)
        if found.imported in SURFACE
        or (
            folder_of(found.imported) != folder_of(module)
            and TIER_OF[folder_of(found.imported)] >= TIER_OF[folder_of(module)]
        )
    ]
    assert wrong == []


def test_applications_never_import_each_other():
    """A kind of data is a folder; what stands beside the folders is there for all of them."""
    kinds = {
        module.split(".")[2]
        for module in MODULES
        if module.startswith("ranvier.apps.") and module.count(".") > 2
    }
    wrong = [
        str(found)
        for module in MODULES
        if module.startswith("ranvier.apps.")
        for found in own_imports(module)
        if found.imported.startswith("ranvier.apps.")
        and found.imported.split(".")[2] != module.split(".")[2]
        and found.imported.split(".")[2] in kinds
    ]
    assert wrong == []


def test_no_modules_import_each_other_in_a_circle():
    graph = {
        module: {
            found.imported
            for found in own_imports(module)
            if not found.for_types and found.imported in MODULES
        }
        for module in MODULES
    }
    assert circle(graph) is None


def circle(graph: dict[str, set[str]]) -> list[str] | None:
    """One circle in the graph, as the modules along it, or None."""
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> list[str] | None:
        if module in path:
            return [*path[path.index(module) :], module]
        if module in done:
            return None
        for imported in sorted(graph[module]):
            if found := visit(imported, (*path, module)):
                return found
        done.add(module)
        return None

    return next((found for module in graph if (found := visit(module, ()))), None)


def test_a_circle_is_found_where_there_is_one():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) is None
