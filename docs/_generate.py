"""Tables and pictures of the documentation, generated from the registries so that they cannot go stale."""

from __future__ import annotations

import ast
import inspect
from dataclasses import fields
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from ritz.registry import Registry, figures, preconditioners, problems, solvers

GENERATED = Path(__file__).parent / "generated"
EXAMPLES = Path(__file__).parents[1] / "examples"
RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"


def first_line(entry: Any) -> str:
    """Return the summary of a docstring, without citations."""
    summary = " ".join((inspect.getdoc(entry) or "").split("\n\n")[0].split())
    return summary.split(" :cite:")[0].rstrip(".:") + "."


def options(entry: Any) -> list[str]:
    """Return the names of the options of a solver or of the parameters of a problem."""
    if inspect.isclass(entry):
        return [field.name for field in fields(entry) if field.init]
    return list(inspect.signature(entry).parameters)


def table(registry: Registry) -> str:
    """Return a Markdown table of everything registered."""
    rows = ["| name | what it is | options |", "|---|---|---|"]
    for name in registry.names():
        entry = registry[name]
        target = f"{entry.__module__}.{entry.__qualname__}"
        role = "class" if inspect.isclass(entry) else "func"
        listed = ", ".join(f"`{option}`" for option in options(entry)) or "–"
        rows.append(f"| {{py:{role}}}`{name} <{target}>` | {first_line(entry)} | {listed} |")
    return "\n".join(rows) + "\n"


def solver_needs() -> str:
    """Return a Markdown table of the problem kind and the operator properties each solver needs."""
    rows = ["| name | solves | needs |", "|---|---|---|"]
    for name in solvers.names():
        kind = solvers[name]
        solved = "any" if kind.solves is object else f"`{kind.solves.__name__}`"
        needs = ", ".join(sorted(tag.value for tag in kind.requires)) or "–"
        rows.append(f"| `{name}` | {solved} | {needs} |")
    return "\n".join(rows) + "\n"


def modules(folder: str) -> str:
    """Return Markdown that documents every module of a root folder."""
    root = Path(__file__).parents[1] / folder
    blocks: list[str] = []
    for path in sorted(root.rglob("*.py")):
        inside = path.relative_to(root).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
        if inside != "__init__" and path.stat().st_size:
            members = "" if path.name == "__init__.py" else "   :members:\n"  # a package only passes names on
            blocks.append(f"```{{eval-rst}}\n.. automodule:: ritz.{folder}.{inside}\n{members}```\n")
    return "\n".join(blocks)


def example_list() -> str:
    """Return a Markdown list of the examples by folder, with the first sentence of each."""
    lines: list[str] = []
    for folder in sorted(path for path in EXAMPLES.iterdir() if path.is_dir()):
        lines.append(f"\n**{folder.name.replace('_', ' ')}**\n")
        for path in sorted(folder.glob("*.py")):
            summary = (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n\n")[0]
            lines.append(f"* `{folder.name}/{path.name}`: {summary}")
    return "\n".join(lines) + "\n"


def markdown(table: Any) -> str:
    """Return a rich table as Markdown."""
    from rich.text import Text

    columns = [[Text.from_markup(str(cell)).plain for cell in column.cells] for column in table.columns]
    heads = [str(column.header) for column in table.columns]
    rows = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    rows += ["| " + " | ".join(cells) + " |" for cells in zip(*columns, strict=True)]
    return "\n".join(rows) + "\n"


def benchmark_results() -> None:
    """Write the summary and draw the plot of every suite with rows in benchmarks/results."""
    from benchmarks.__main__ import SUITES
    from benchmarks.harness import load

    for name, suite in SUITES.items():
        if not (RESULTS / f"{name}.jsonl").exists():
            continue
        rows = load(RESULTS / f"{name}.jsonl")
        (GENERATED / f"benchmark_{name}.md").write_text(markdown(suite.summary(rows)))
        suite.plot(rows).savefig(GENERATED / f"benchmark_{name}.png", dpi=150)


def draw(name: str) -> None:
    """Draw one registered figure at its quick size."""
    entry = figures[name]
    picture = entry.plot(entry.compute(quick=True))
    picture.savefig(GENERATED / f"{name}.png", dpi=150, bbox_inches="tight")


def generate(app: Sphinx) -> None:
    """Write everything into docs/generated; pictures are drawn once and kept."""
    GENERATED.mkdir(exist_ok=True)
    for registry, name in ((solvers, "solvers"), (problems, "problems"), (preconditioners, "preconditioners")):
        (GENERATED / f"{name}.md").write_text(table(registry))
    (GENERATED / "examples.md").write_text(example_list())
    (GENERATED / "needs.md").write_text(solver_needs())
    for folder in ("problems", "solvers"):
        (GENERATED / f"api_{folder}.md").write_text(modules(folder))
    benchmark_results()
    for name in figures.names():
        if not (GENERATED / f"{name}.png").exists():
            draw(name)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("builder-inited", generate)
    return {"parallel_read_safe": True}
