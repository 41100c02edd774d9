"""Who imports whom, read from the syntax trees."""

import ast
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
FOLDERS = {"ritz": "ritz", "solvers": "ritz.solvers", "problems": "ritz.problems", "figures": "ritz.figures"}


class Import(NamedTuple):
    """One module importing another; `typing` where it does so for type checkers alone."""

    importer: str
    imported: str
    typing: bool


@cache
def modules() -> dict[str, Path]:
    """Return every module of the package with its file."""
    found = {}
    for folder, package in FOLDERS.items():
        for path in (ROOT / folder).rglob("*.py"):
            inside = path.relative_to(ROOT / folder)
            if not (ROOT / folder / inside.parts[0]).is_symlink():
                parts = [part for part in inside.with_suffix("").parts if part != "__init__"]
                found[".".join([package, *parts])] = path
    return found


@cache
def imports() -> list[Import]:
    """Return every import of one module of the package by another, in functions as well."""
    return [found for name in modules() for found in _imports_of(name)]


def _imports_of(name: str) -> list[Import]:
    path = modules()[name]
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    tree = ast.parse(path.read_text())
    guarded = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.dump(block.test)
        for statement in block.body
        for node in ast.walk(statement)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            named = [f"{base}.{alias.name}" if f"{base}.{alias.name}" in modules() else base for alias in node.names]
        else:
            continue
        found += [Import(name, other, id(node) in guarded) for other in named if other in modules() and other != name]
    return found


def circles(edges: set[tuple[str, str]]) -> list[set[str]]:
    """Return the sets of modules that import each other, directly or not."""
    after: dict[str, set[str]] = {}
    for importer, imported in edges:
        after.setdefault(importer, set()).add(imported)
    reach = {name: _reachable(name, after) for name in after}
    found: list[set[str]] = []
    for name, ahead in reach.items():
        if name in ahead and not any(name in circle for circle in found):
            found.append({other for other in ahead if name in reach.get(other, ())})
    return found


def _reachable(start: str, after: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = list(after.get(start, ()))
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += after.get(name, ())
    return seen
