"""Learned conjugate directions against other solvers: iterations and time by grid size."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from rich.table import Table

from benchmarks.harness import TIME_LIMIT, Case, Suite, measure
from ritz import problems
from ritz.problem_types.linear_system import LinearSystem
from ritz.solvers.conjugate_directions import ConjugateDirections, NetworkDirection
from ritz.solvers.krylov import ConjugateGradients

from .cases import cubes, squares

RTOL = 1e-6
LIMIT = 1000  # iteration limit
PATIENCE = 60.0  # largest expected time of a solver in three dimensions, seconds
COLOURS = [colormaps["tab20"](place % 20) for place in (*range(0, 20, 2), *range(1, 20, 2))]
BOX, OBSTACLES, SPACE = "box", "obstacles", "obstacles 3-D"
SOLVERS: list[Any] = [
    "conjugate-directions",
    ("one scale", ConjugateDirections(NetworkDirection("dcdm-2d-64"))),
    ("spectral", ConjugateDirections(NetworkDirection("spectral-2d"))),
    ("fluidnet", ConjugateDirections(NetworkDirection("fluidnet-2d"), memory=0, rescale=False)),
    "cg",
    ("cg, jacobi", ConjugateGradients("jacobi")),
    ("cg, ic(0)", ConjugateGradients("incomplete-cholesky")),
    "mic-cg",
    "deflated-cg",
    "pyamg-sa",
    "pyamg-rs",
    "multigrid",
]
PLANE_ONLY = ("one scale", "spectral", "fluidnet")


def random_system(shape: tuple[int, ...], obstacles: int, seed: int = 101) -> LinearSystem:
    """Return Poisson's equation with no-flux obstacles and a random right-hand side."""
    system = problems.poisson(shape, obstacles=obstacles, solid_boundary="neumann", seed=seed)
    rhs = np.random.default_rng(seed).standard_normal(system.size)
    if system.grid is not None and system.grid.solid is not None:
        rhs[system.grid.solid.reshape(-1)] = 0.0
    nullspace = system.operator.nullspace
    return system.with_rhs(rhs if nullspace is None else nullspace.project(rhs))


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure in two and three dimensions."""
    plane = squares(16) if quick else squares(64, 128, 256)
    space = cubes(16) if quick else cubes(16, 32, 48)
    rows: list[dict[str, Any]] = []
    for family, shapes, obstacles in ((BOX, plane, 0), (OBSTACLES, plane, 4), (SPACE, space, 4)):
        solvers = [entry for entry in SOLVERS if family != SPACE or entry[0] not in PLANE_ONLY]
        cases = [Case(family, lambda shape=shape, count=obstacles: random_system(shape, count)) for shape in shapes]
        rows += measure(
            "conjugate-directions",
            cases,
            solvers,
            repeat=1 if quick else 3,
            baseline="cg",
            time_limit=PATIENCE if family == SPACE else TIME_LIMIT,
            rtol=RTOL,
            maxiter=LIMIT,
        )
    return rows


def summary(rows: list[dict[str, Any]]) -> Table:
    """Return iterations, and milliseconds to prepare and solve, with one row per solver."""
    cases = list(dict.fromkeys((row["family"], row["unknowns"]) for row in rows))
    table = Table("solver", *(f"{family}, {_side(family, unknowns)}" for family, unknowns in cases))
    for name in dict.fromkeys(row["solver"] for row in rows):
        cells: list[str] = []
        for case in cases:
            found = [row for row in rows if (row["family"], row["unknowns"], row["solver"]) == (*case, name)]
            cells.append(_cell(found[0]) if found else "–")
        table.add_row(name, *cells)
    return table


def plot(rows: list[dict[str, Any]]) -> Figure:
    """Plot iterations and time per unknown against the number of cells along each side."""
    families = list(dict.fromkeys(row["family"] for row in rows))
    figure = Figure(figsize=(4.2 * len(families), 7.0), layout="constrained")
    panels = figure.subplots(2, len(families), squeeze=False)
    names = list(dict.fromkeys(row["solver"] for row in rows))
    for column, family in zip(panels.T, families, strict=True):
        for number, name in enumerate(names):
            mine = [r for r in rows if (r["family"], r["solver"]) == (family, name) and r["converged"]]
            sides = [_side(family, row["unknowns"]) for row in mine]
            style: Any = {"color": COLOURS[number % 20], "marker": "os^Dvx*P<>ph"[number % 12], "markersize": 5}
            column[0].plot(sides, [row["iterations"] for row in mine], label=name, **style)
            column[1].plot(sides, [1e9 * row["total"]["median"] / row["unknowns"] for row in mine], **style)
        column[0].set(title=family, ylabel="iterations to 1e-6", yscale="log", xscale="log")
        column[1].set(
            ylabel="prepare + solve, ns per unknown", yscale="log", xscale="log", xlabel="cells along each side"
        )
        ticks = sorted({_side(family, row["unknowns"]) for row in rows if row["family"] == family})
        for panel in column:
            panel.set_xticks(ticks, [str(tick) for tick in ticks])
            panel.minorticks_off()
            panel.grid(alpha=0.3)
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=6, fontsize=8)
    return figure


def _side(family: str, unknowns: int) -> int:
    return round(unknowns ** (1.0 / 3.0 if family == SPACE else 0.5))


def _cell(row: dict[str, Any]) -> str:
    if not row["converged"] or row["total"] is None:
        return row["outcome"]
    return f"{row['iterations']} ({1e3 * row['total']['median']:.3g} ms)"


SUITE = Suite(
    "conjugate-directions",
    "Do learned directions take few iterations at every size, and at what cost? Iterations (time)",
    run,
    summary,
    plot,
)
