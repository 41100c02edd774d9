"""Geometric multigrid against algebraic multigrid: targets, and what is reached."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

import ritz
from benchmarks.harness import RTOL, Case, Suite, growth_exponents, measure, plot_time
from ritz import problems
from ritz.comparing.environment import environment
from ritz.errors import MissingExtra
from ritz.operators import Stencil
from ritz.registry import solvers

from .cases import cubes, family, squares
from .products import in_turn, thread_numbers

PLANE, SPACE, LARGE = "obstacles 2-D", "box 3-D", "box 3-D, large"
THREADS = "threads"
ROTATED, JUMPS, WALLS, OBSTACLES = "rotated 2-D", "jumps 1e6 3-D", "thin walls 2-D", "obstacles 3-D"
PEERS = ("pyamg-sa", "pyamg-rs")


def thin_walls(shape: tuple[int, ...], walls: int = 40, seed: int = 0) -> ritz.LinearSystem:
    """Return Poisson's equation in a box with plates one or two cells thick, each a fifth of a side long."""
    generator = np.random.default_rng(seed)
    solid = np.zeros(shape, dtype=bool)
    for _ in range(walls):
        extent = [n // 5 for n in shape]
        extent[generator.integers(len(shape))] = int(generator.integers(1, 3))
        corner = [int(generator.integers(0, n - length)) for n, length in zip(shape, extent, strict=True)]
        solid[tuple(slice(start, start + length) for start, length in zip(corner, extent, strict=True))] = True
    operator = Stencil(shape, spacing=1.0 / max(shape), solid=solid, solid_boundary="neumann")
    exact = generator.standard_normal(operator.shape[0]) * ~solid.ravel()
    return ritz.LinearSystem(operator, operator @ exact, name="Poisson between thin walls")


def direct_peers() -> tuple[str, ...]:
    """Return the name of CHOLMOD if it is installed."""
    try:
        solvers["cholmod"]().prepare(ritz.LinearSystem(np.eye(2), np.ones(2)))
    except MissingExtra:
        return ()
    return ("cholmod",)


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure at the sizes of the targets, over a range of sizes, and on one thread against two."""
    entries = ("multigrid", *PEERS)
    plane = squares(16, 24, 32) if quick else squares(128, 256, 512, 1024, 2048)
    space = cubes(6, 8, 10) if quick else cubes(32, 64, 96, 128, 192)
    flat, wide, cube = ((24, 24), (24, 24), (8, 8, 8)) if quick else ((512, 512), (1024, 1024), (64, 64, 64))
    repeat = 1 if quick else 5
    single = [
        Case(OBSTACLES, lambda: problems.poisson(cube, obstacles=6)),
        Case(JUMPS, lambda: problems.diffusion(cube, contrast=1e6)),
        Case(WALLS, lambda: thin_walls(wide)),
    ]
    rows = measure("grid-solvers", single, ("multigrid", "mic-cg", *PEERS), repeat=repeat)
    large = (8, 8, 8) if quick else (128, 128, 128)
    rows += measure("grid-solvers", [Case(LARGE, lambda: problems.poisson(large))], entries, repeat=min(repeat, 2))
    rotated = [Case(ROTATED, lambda: problems.diffusion(flat, coefficient="rotated"))]
    rows += measure("grid-solvers", rotated, ("multigrid", "mic-cg", "pyamg-rs", *direct_peers()), repeat=repeat)
    grown = family(PLANE, problems.poisson, plane, obstacles=6) + family(SPACE, problems.poisson, space)
    rows += measure("grid-solvers", grown, entries, repeat=3 if not quick else 1, hopeless=100.0)
    return rows + on_threads([*plane, *space], 0.01 if quick else 4.0)


def on_threads(shapes: Sequence[tuple[int, ...]], spent: float) -> list[dict[str, Any]]:
    """Return rows for the same prepared multigrid on one thread and on two, interleaved."""
    rows: list[dict[str, Any]] = []
    for shape in shapes:
        prepared = solvers["multigrid"]().prepare(problems.poisson(shape))
        numbers = thread_numbers()
        solution = prepared.solve(rtol=RTOL)
        times = in_turn([(lambda prepared=prepared: prepared.solve(rtol=RTOL), threads) for threads in numbers], spent)
        for threads, measured in zip(numbers, times, strict=True):
            rows.append(
                {
                    "suite": "grid-solvers",
                    "family": THREADS,
                    "unknowns": solution.x.size,
                    "solver": f"multigrid, {threads} threads",
                    "converged": solution.converged,
                    "iterations": solution.iterations,
                    "residual": solution.residual,
                    "solve": {"median": median(measured), "min": min(measured), "max": max(measured)},
                    "environment": environment(threads=threads),
                }
            )
    return rows


def targets(rows: list[dict[str, Any]]) -> list[tuple[str, str, float, float, bool]]:
    """Return problem, measure, target, value reached, and whether more is better."""
    found: list[tuple[str, str, float, float, bool]] = []
    for name, size in ((PLANE, 512**2), (OBSTACLES, 64**3), (LARGE, 128**3)):
        case = at(rows, name, size)
        found += [
            (name, "solve, against pyamg-sa", 15.0, ratio(case, "pyamg-sa", "solve"), True),
            (name, "solve, against pyamg-rs", 6.0, ratio(case, "pyamg-rs", "solve"), True),
            (name, "prepare + solve, against pyamg-rs", 15.0, ratio(case, "pyamg-rs", "total"), True),
            (name, "peak memory / pyamg-sa's", 1 / 3, memory_share(case), False),
        ]
    rotated = at(rows, ROTATED)
    rival = min(
        ("cholmod", "pyamg-rs"), key=lambda name: seconds(rotated, name, "total") if name in rotated else np.inf
    )
    found += [
        (JUMPS, "solve, against pyamg-rs", 3.0, ratio(at(rows, JUMPS), "pyamg-rs", "solve"), True),
        (ROTATED, f"prepare + solve, against {rival}", 1.5, ratio(rotated, rival, "total"), True),
        (WALLS, "iterations", 12.0, at(rows, WALLS)["multigrid"]["iterations"], False),
    ]
    fits = growth_exponents([row for row in rows if row["family"] in (PLANE, SPACE)])
    found += [(name, "growth of prepare + solve, n^p", 1.1, fits[name, "multigrid"], False) for name in (PLANE, SPACE)]
    for size, gain in thread_gains(rows):
        best = size == 128**3
        found.append(("two threads", f"solve, {size:,} unknowns, against one", 1.5 if best else 1.0, gain, True))
    return found


def at(rows: list[dict[str, Any]], name: str, size: int | None = None) -> dict[str, dict[str, Any]]:
    """Return the rows of a family by solver, at the given size or the largest."""
    mine = [row for row in rows if row["family"] == name]
    sizes = {row["unknowns"] for row in mine}
    wanted = size if size in sizes else max(sizes)
    return {row["solver"]: row for row in mine if row["unknowns"] == wanted}


def seconds(case: dict[str, dict[str, Any]], solver: str, phase: str) -> float:
    """Return a median time, or NaN for a solver that was skipped or failed."""
    row = case.get(solver)
    return row[phase]["median"] if row and row["converged"] else float("nan")


def ratio(case: dict[str, dict[str, Any]], rival: str, phase: str) -> float:
    """Return the time of a rival relative to that of multigrid."""
    return seconds(case, rival, phase) / seconds(case, "multigrid", phase)


def memory_share(case: dict[str, dict[str, Any]]) -> float:
    """Return multigrid's peak memory relative to that of smoothed aggregation."""
    ours, theirs = (case[name]["memory"] if name in case else None for name in ("multigrid", "pyamg-sa"))
    return ours / theirs if ours and theirs else float("nan")


def thread_gains(rows: list[dict[str, Any]]) -> list[tuple[int, float]]:
    """Return numbers of unknowns, and the ratio of the time on one thread to that on two."""
    times: dict[int, list[float]] = {}
    for row in rows:
        if row["family"] == THREADS:
            times.setdefault(row["unknowns"], []).append(row["solve"]["median"])
    return [(size, pair[0] / pair[1]) for size, pair in sorted(times.items()) if len(pair) == 2]


def summary(rows: list[dict[str, Any]]) -> Table:
    """Return the targets."""
    table = Table("problem", "measure", "target", "reached", "")
    for problem, measured, target, reached, more in targets(rows):
        met = reached >= target if more else reached <= target
        sign = "≥" if more else "≤"
        table.add_row(problem, measured, f"{sign} {target:.3g}", f"{reached:.3g}", "met" if met else "missed")
    return table


def plot(rows: list[dict[str, Any]]) -> Figure:
    """Plot the time per unknown against the size."""
    return plot_time([row for row in rows if row["family"] in (PLANE, SPACE)], (PLANE, SPACE))


SUITE = Suite(
    "grid-solvers", "How much faster than algebraic multigrid is geometric multigrid on grids?", run, summary, plot
)
