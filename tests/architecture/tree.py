"""The package as text: its modules, and which of them imports which, and how."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "ranvier"


@dataclass(frozen=True)
class Import:
    """`importer` imports `imported`; `for_types` where only a type checker does."""

    importer: str
    imported: str
    line: int
    for_types: bool

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES: dict[str, Path] = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@functools.cache
def syntax(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def _checks_types(node: ast.AST) -> bool:
    if not isinstance(node, ast.If):
        return False
    return any(
        isinstance(part, ast.Name) and part.id == "TYPE_CHECKING" for part in ast.walk(node.test)
    )


def _statements(node: ast.AST, for_types: bool = False) -> Iterator[tuple[ast.stmt, bool]]:
    for child in ast.iter_child_nodes(node):
        inside = for_types or (_checks_types(node) and child not in getattr(node, "orelse", []))
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, inside
        yield from _statements(child, inside)


def imports(module: str) -> Iterator[Import]:
    """Every import of `module`, at its top, inside a function, or for types alone."""
    for node, for_types in _statements(syntax(module)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            base = node.module or ""
            whole = [f"{base}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else base for name in whole]
        for name in dict.fromkeys(names):
            yield Import(module, name, node.lineno, for_types)


def own_imports(module: str) -> list[Import]:
    """The imports of `module` that stay inside the package."""
    return [found for found in imports(module) if found.imported.split(".")[0] == "ranvier"]
