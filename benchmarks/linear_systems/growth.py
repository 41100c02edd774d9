"""Growth of the time to prepare and solve with the number of unknowns."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure
from rich.table import Table

from benchmarks.harness import Suite, growth_exponents, measure, plot_time
from ritz import problems

from .cases import cubes, family, squares

SOLVERS = (
    "auto",
    "cg",
    "mic-cg",
    "multigrid",
    "amg-cg",
    "lu",
    "scipy-cg",
    "scipy-spsolve",
    "pyamg-sa",
    "pyamg-rs",
)
PLANE, SPACE = "poisson 2-D with obstacles", "poisson 3-D"


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure over a range of sizes in two and three dimensions."""
    plane = squares(12, 16, 24) if quick else squares(32, 64, 128, 256, 512, 1024)
    space = cubes(5, 6, 8) if quick else cubes(12, 20, 32, 48, 64, 96)
    cases = family(PLANE, problems.poisson, plane, obstacles=6) + family(SPACE, problems.poisson, space)
    return measure("growth", cases, SOLVERS, repeat=1 if quick else 3)


def summary(rows: list[dict[str, Any]]) -> Table:
    """Return the exponents, with one row per solver."""
    fits = growth_exponents(rows)
    table = Table("solver", f"{PLANE}: time ~ n^p, p", f"{SPACE}: p")
    for name in dict.fromkeys(row["solver"] for row in rows):
        table.add_row(name, *(f"{fits[key]:.2f}" if (key := (at, name)) in fits else "-" for at in (PLANE, SPACE)))
    return table


def plot(rows: list[dict[str, Any]]) -> Figure:
    """Plot the time per unknown against the size."""
    return plot_time(rows, (PLANE, SPACE))


SUITE = Suite("growth", "How does the time to prepare and solve grow with the number of unknowns?", run, summary, plot)
