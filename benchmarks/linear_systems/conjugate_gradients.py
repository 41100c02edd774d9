"""Conjugate gradients against SciPy's on CSR matrices: iterations, and time per iteration."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure
from rich.table import Table

from benchmarks.harness import Case, Suite, measure
from ritz import problems

from .cases import as_matrix, cubes, squares

FAMILIES = {
    "poisson 2-D": lambda shape: problems.poisson(shape),
    "poisson 2-D obstacles": lambda shape: problems.poisson(shape, obstacles=6),
    "diffusion 2-D inclusions": lambda shape: problems.diffusion(shape, contrast=1e3),
    "poisson 3-D": lambda shape: problems.poisson(shape),
}


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure on every family."""
    cases: list[Case] = []
    for name, make in FAMILIES.items():
        if "3-D" in name:
            shapes = cubes(8, 12) if quick else cubes(16, 32, 64, 96)
        elif "inclusions" in name:  # takes thousands of iterations
            shapes = squares(16, 24) if quick else squares(32, 64, 128)
        else:
            shapes = squares(16, 24) if quick else squares(32, 64, 128, 256, 512)
        cases += [Case(name, lambda make=make, shape=shape: as_matrix(make(shape))) for shape in shapes]
    return measure("conjugate-gradients", cases, ["cg", "scipy-cg"], repeat=3 if quick else 7)


def pairs(rows: list[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any], float]]:
    """Return our row, SciPy's row and the ratio of their times per iteration, for each case."""
    ours = [row for row in rows if row["solver"] == "cg"]
    theirs = [row for row in rows if row["solver"] == "scipy-cg"]
    return [(a, b, _each(a) / _each(b)) for a, b in zip(ours, theirs, strict=True)]


def summary(rows: list[dict[str, Any]]) -> Table:
    """Return one row per case."""
    table = Table("problem", "unknowns", "iterations", "SciPy's", "us per iteration", "SciPy's", "ratio")
    for ours, theirs, ratio in pairs(rows):
        table.add_row(
            *(ours["family"], f"{ours['unknowns']:,}", str(ours["iterations"]), str(theirs["iterations"])),
            *(f"{1e6 * _each(ours):.1f}", f"{1e6 * _each(theirs):.1f}", f"{ratio:.2f}"),
        )
    return table


def plot(rows: list[dict[str, Any]]) -> Figure:
    """Plot the ratio against the size."""
    figure = Figure(figsize=(6.0, 4.0), layout="constrained")
    panel = figure.subplots()
    for number, name in enumerate(FAMILIES):
        points = [(ours["unknowns"], ratio) for ours, _, ratio in pairs(rows) if ours["family"] == name]
        panel.plot(*zip(*points, strict=True), marker="os^D"[number], label=name)
    panel.axhline(1.0, color="0.4", linestyle="--", linewidth=1)
    panel.set(xscale="log", xlabel="unknowns", ylabel="time per iteration, cg / scipy-cg")
    panel.set_ylim(bottom=0.0)
    panel.grid(alpha=0.3)
    panel.legend(fontsize=8)
    return figure


def _each(row: dict[str, Any]) -> float:
    return row["solve"]["median"] / max(row["iterations"], 1)


SUITE = Suite("conjugate-gradients", "Does an iteration of cg cost at most one of scipy-cg's?", run, summary, plot)
