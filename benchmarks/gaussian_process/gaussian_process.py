"""Gaussian processes on high-frequency solutions, beside collocation, finite differences and networks."""

from __future__ import annotations

import math
import time
import warnings
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

import ritz
from benchmarks.harness import Suite
from ritz.comparing.environment import environment, pinned_threads
from ritz.comparing.memory import peak_memory
from ritz.figures.gaussian_process import tables as gp_tables
from ritz.figures.gaussian_process.cases import CASES, PUBLISHED, unseen_error
from ritz.problems import gp_hm

LIMITS = {  # targets for error and seconds, by number of the case
    **dict.fromkeys(range(5), (1e-9, 0.5)),
    5: (1e-9, None),
    6: (1e-9, None),
    7: (1e-10, 0.5),
    8: (1e-10, None),
    9: (1e-7, 2.0),
    10: (1e-6, None),
    **dict.fromkeys(range(11, 15), (1e-8, None)),
    16: (1e-8, None),
    17: (1e-7, None),
}
ROUNDS = 3
LARGE = 2000  # nodes per axis for the measurement of memory


def run(quick: bool) -> list[dict[str, Any]]:
    """Return one row per case and solver, and one per single measurement."""
    with pinned_threads(1):
        data = gp_tables.compute(quick)
    shared = {"suite": "gaussian-process", "environment": environment(threads=1)}
    rows: list[dict[str, Any]] = []
    for i, case in enumerate(data["cases"]):
        for j, solver in enumerate(data["solvers"]):
            found = {"error": float(data["errors"][i, j]), "seconds": float(data["seconds"][i, j])}
            rows.append({**shared, "case": case, "nodes": data["nodes"][i], "solver": solver, **found})
    with pinned_threads(1):
        rows += [{**shared, **row} for row in _single_measurements(quick)]
    return rows


def _single_measurements(quick: bool) -> list[dict[str, Any]]:
    """Return measurements beyond the table: two nodes per wavelength, large grids, dense covariances and evidence."""
    two = gp_hm.poisson_1d("x2_add_sinx")
    found = [
        _best("2.07 nodes per wavelength", two, "gp", shape=165),
        _best("2.07 nodes per wavelength", two, "chebyshev", shape=163),
    ]
    for case in ("single_sin", "sin_cos"):
        problem = gp_hm.poisson_1d(case)
        found.append(_best(f"dense: {case}", problem, "gp", shape=400, method="dense"))
        if not quick:
            learned = {"method": "dense", "frequencies": "evidence"}
            found.append(_best(f"dense with evidence: {case}", problem, "gp", shape=400, **learned))
    side = 200 if quick else 1000
    found.append(_best(f"multiscale, {side}^2", gp_hm.poisson_2d("multiscale", frequency=side / 4), "gp", shape=side))
    side = 300 if quick else LARGE
    problem = gp_hm.poisson_2d("multiscale", frequency=side / 4)
    _, peak = peak_memory(lambda: ritz.solve(problem, "gp", shape=side, throw=False))
    found.append(
        {"case": f"memory, {side}^2", "solver": "gp", "error": math.nan, "seconds": math.nan, "megabytes": peak / 1e6}
    )
    return found


def _best(case: str, problem: ritz.PDE, solver: str, **options: Any) -> dict[str, Any]:
    """Return the error and the fastest time of a few runs, as the first one includes compilation and imports."""
    seconds: list[float] = []
    solution: Any = None
    for _ in range(ROUNDS):
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            solution = ritz.solve(problem, solver, throw=False, **options)
        seconds.append(time.perf_counter() - start)
    return {"case": case, "solver": solver, "error": unseen_error(solution, problem), "seconds": min(seconds)}


def targets(rows: list[dict[str, Any]]) -> list[tuple[str, str, float, float]]:
    """Return case, measure, upper limit and value reached."""
    found: list[tuple[str, str, float, float]] = []
    by_case = {row["case"]: row for row in rows if row["solver"] == "gp"}
    for number, (error, seconds) in LIMITS.items():
        row = by_case.get(CASES[number].label)
        if row is not None:
            found.append((row["case"], "error", error, row["error"]))
            if seconds is not None:
                found.append((row["case"], "seconds", seconds, row["seconds"]))
    for start, measure, limit in (
        ("2.07 nodes", "error", 1e-8),
        ("multiscale, ", "error", 1e-9),
        ("multiscale, ", "seconds", 5.0),
        ("dense: ", "error", 1e-6),
        ("dense: ", "seconds", 0.5),
        ("dense with evidence: ", "error", 1e-7),
        ("memory, ", "megabytes", 1000.0),
    ):
        found += [(case, measure, limit, row[measure]) for case, row in by_case.items() if case.startswith(start)]
    return found


def summary(rows: list[dict[str, Any]]) -> Table:
    """Return one row per target."""
    table = Table("case", "measure", "target", "reached", "")
    for case, measure, limit, reached in targets(rows):
        number = f"{reached:.1e}" if measure == "error" else f"{reached:.3g}"
        table.add_row(
            case.replace("$^2$", "²").replace("$\\pi$", "π"),
            measure,
            f"≤ {limit:g}",
            number,
            "met" if reached <= limit else "missed",
        )
    return table


def plot(rows: list[dict[str, Any]]) -> Figure:
    """Plot the table of cases and solvers."""
    kept = [row for row in rows if "nodes" in row]
    cases, solvers = (
        list(dict.fromkeys(row["case"] for row in kept)),
        list(dict.fromkeys(row["solver"] for row in kept)),
    )
    found = {(row["case"], row["solver"]): row for row in kept}
    tables = {
        name: np.array([[found[case, solver][key] for solver in solvers] for case in cases], dtype=float)
        for name, key in (("errors", "error"), ("seconds", "seconds"))
    }
    published = sum(case in {known.label for known in CASES[:PUBLISHED]} for case in cases)
    nodes = [found[case, solvers[0]]["nodes"] for case in cases]
    return gp_tables.plot({"cases": cases, "published": published, "nodes": nodes, "solvers": solvers, **tables})


SUITE = Suite(
    "gaussian-process",
    "How accurate are Gaussian processes at high frequency, and what do they cost?",
    run,
    summary,
    plot,
)
