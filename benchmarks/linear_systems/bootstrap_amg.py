"""Bootstrap multigrid against PyAMG: iterations of smoothed aggregation, and time of its adaptive variant."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from benchmarks.harness import Case, Suite, growth_exponents, measure, plot_time
from ritz import problems
from ritz.figures.multigrid.bootstrap_rates import random_graph_laplacian
from ritz.problem_types.linear_system import LinearSystem

from .cases import squares
from .grid_solvers import at

OURS, ONE, SEVERAL = "bootstrap-amg", "one hierarchy", "target rate 0.75"
ROTATED, JUMPS, GRAPH = "rotated 1e-3", "jumps 1e6", "graph, 6 decades"
PEERS = ("pyamg-sa", "pyamg-rs", "pyamg-adaptive")


def graph_system(shape: tuple[int, ...]) -> LinearSystem:
    """Return a weighted graph Laplacian with a random right-hand side with mean zero."""
    operator = random_graph_laplacian(int(np.prod(shape)))
    rhs = np.random.default_rng(1).standard_normal(operator.shape[0])
    return LinearSystem(operator, rhs - rhs.mean(), name="weighted graph")


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure over sizes; adaptive smoothed aggregation takes part only at the size of the targets."""
    from ritz.solvers.multigrid import BootstrapMultigrid

    shapes = squares(16, 24, 32) if quick else squares(128, 256, 500, 724)
    makers = {
        ROTATED: lambda shape: problems.diffusion(shape, coefficient="rotated"),
        JUMPS: lambda shape: problems.diffusion(shape, contrast=1e6),
        GRAPH: graph_system,
    }
    one, several = BootstrapMultigrid(target_rate=1.0, trials=1), BootstrapMultigrid(target_rate=0.75)
    entries = (OURS, (ONE, one), (SEVERAL, several), *PEERS[:2])
    rows: list[dict[str, Any]] = []
    for name, make in makers.items():
        for shape in shapes:
            case = Case(name, lambda shape=shape, make=make: make(shape))
            solvers = (*entries, PEERS[2]) if shape == shapes[-2] else entries
            rows += measure("bootstrap-amg", [case], solvers, repeat=1 if quick else 2)
    return rows


def targets(rows: list[dict[str, Any]]) -> list[tuple[str, str, float, float, bool]]:
    """Return problem, measure, target, value reached, and whether more is better."""
    found: list[tuple[str, str, float, float, bool]] = []
    for name in (ROTATED, JUMPS, GRAPH):
        size = next(r["unknowns"] for r in rows if r["family"] == name and r["solver"] == PEERS[2])
        case = at(rows, name, size)
        for solver in (OURS, SEVERAL):
            if name != JUMPS and solver in case:
                fewer = case["pyamg-sa"]["iterations"] / case[solver]["iterations"]
                found.append((name, f"iterations of pyamg-sa / those of {solver}", 1.0, fewer, True))
        faster = case[PEERS[2]]["total"]["median"] / case[OURS]["total"]["median"]
        found.append((name, "prepare + solve, against pyamg-adaptive", 5.0, faster, True))
    fits = growth_exponents(rows)
    for name in (ROTATED, JUMPS, GRAPH):
        for solver in (OURS, ONE):
            found.append((name, f"growth of {solver}, n^p", 1.1, fits.get((name, solver), np.nan), False))
    return found


def summary(rows: list[dict[str, Any]]) -> Table:
    """Return one row per solver and problem at the size where all took part, and the targets."""
    table = Table("problem", "unknowns", "solver", "iterations", "prepare s", "solve s", "time / bootstrap's")
    for name in (ROTATED, JUMPS, GRAPH):
        size = next(r["unknowns"] for r in rows if r["family"] == name and r["solver"] == PEERS[2])
        case = at(rows, name, size)
        for solver, row in case.items():
            share = row["total"]["median"] / case[OURS]["total"]["median"] if row["total"] else np.nan
            times = (f"{row[phase]['median']:.2f}" if row[phase] else "-" for phase in ("prepare", "solve"))
            ending = str(row["iterations"]) if row["converged"] else row["outcome"]
            table.add_row(name, f"{size:,}", solver, ending, *times, f"{share:.2f}x")
    for problem, measured, target, reached, more in targets(rows):
        met = reached > target if more else reached <= target  # equally many iterations are not fewer
        table.add_row(
            problem,
            "",
            measured,
            f"{'>' if more else '≤'} {target:g}",
            "",
            "",
            f"{reached:.2f}: {'met' if met else 'missed'}",
        )
    return table


def plot(rows: list[dict[str, Any]]) -> Figure:
    """Plot the time per unknown against the size."""
    return plot_time(rows, (ROTATED, JUMPS, GRAPH))


SUITE = Suite("bootstrap-amg", "Where does bootstrap multigrid pay off, and by how much?", run, summary, plot)
