"""`auto` against every other solver on systems of every origin, on those that its rules were fitted to and the others.

Times are processor seconds of one thread to prepare and solve to a relative residual of 1e-8, the least of interleaved
rounds. Every solver starts from the entries as its user has them. One that takes ten times as long as the fastest is
stopped, and counts as not having solved the system.
"""

from __future__ import annotations

import math
import signal
import time
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

import ritz
from benchmarks.harness import RTOL, Suite
from ritz.comparing.environment import environment, pinned_threads
from ritz.operators import Stencil, Tag
from ritz.problem_types.linear_system import LinearSystem
from ritz.solver import make_solver
from ritz.solvers.auto.factor_size import of_columns, of_symmetric_pattern
from ritz.solvers.direct.pivot_order import keeps_to_diagonal

from .collection import HELD_BACK, SYSTEMS

PLAIN = "spsolve"  # SciPy's function itself, with which nobody competes but in the column against it
SYMMETRIC = (
    "cholesky",
    "cg",
    "cg + jacobi",
    "cg + modified-incomplete-cholesky",
    "cg + incomplete-cholesky",
    "amg-cg",
    "bootstrap-amg",
    "pyamg-sa",
    "pyamg-rs",
    "minres",
)
GENERAL = (
    "gmres",
    "bicgstab",
    "bicgstab + symmetric-gauss-seidel",
    "bicgstab + ruge-stuben",
    "gmres + incomplete-lu",
    "bicgstab + incomplete-lu",
)
GRID = ("transform", "multigrid", "mic-cg")
QUICK = ("tiny/laplacian-10", "matrix/obstacles-40x40", "random/dominant-2000", "graph/hubs-2000", "fem/poisson-P1-4")
MOST = 4e9  # operations of a factorisation above which it is left out
EFFORT = 1.0  # seconds for the count of its operations
SLOW = 10.0  # ratio to the fastest at which a solver is stopped
GRACE = 0.05  # seconds that every solver may take
TICK = 0.02  # seconds between looks at the time; timers of processor time would make that time coarse
LONG = 2.5  # ratio to the fastest up to which a solver is measured again
TARGETS = (1.3, 2.0)


def competitors(system: LinearSystem) -> list[str]:
    """Return the names of the solvers, with preconditioners, that take a system.

    Factorisations cannot be stopped: those of expanders, which would take minutes, are left out.
    """
    symmetric = Tag.SYMMETRIC in system.operator.tags
    matrix = system.operator.to_sparse()
    by_columns = of_columns(matrix, EFFORT).operations
    own_order = keeps_to_diagonal(matrix)
    work = of_symmetric_pattern(matrix, EFFORT, symmetric=False).operations if own_order else by_columns
    direct = [*(("lu",) if work < MOST else ()), *((PLAIN, "scipy-spsolve") if by_columns < MOST else ())]
    small = ("pseudoinverse",) if system.size <= 600 else ()
    names = [*direct, *small, *(SYMMETRIC if symmetric else GENERAL)]
    return [*names, *GRID] if system.grid is not None else names


def timed(name: str, system: LinearSystem, limit: float) -> dict[str, Any]:
    """Return the seconds that a solver took, whether it converged, and what it says of itself.

    The operator is wrapped anew before each run, so that nothing of an earlier one is at hand.
    """
    if name == PLAIN:
        return _plain_spsolve(system)
    solver, _, preconditioner = name.partition(" + ")
    options: dict[str, Any] = {"preconditioner": preconditioner} if preconditioner else {}
    operator: Any = system.operator if isinstance(system.operator, Stencil) else system.operator.to_sparse()
    grid, start = system.grid, time.process_time()

    row: dict[str, Any] = {"solver": name, "converged": False, "residual": math.nan, "iterations": 0}

    def stop(number: int, frame: Any) -> None:
        if time.process_time() - start > limit:
            raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, TICK, TICK)
    try:
        problem = LinearSystem(operator, system.rhs, grid=grid)
        found = make_solver(solver, options).prepare(problem).solve(rtol=RTOL)
        row |= {"converged": found.converged, "outcome": found.status.name, "residual": found.residual}
        row |= {"iterations": found.iterations, "x": found.x}
        row |= {key: found.stats[key] for key in ("chosen", "failed") if key in found.stats}
    except KeyboardInterrupt:
        row["outcome"] = "stopped"
    except (ritz.RitzError, ValueError, RuntimeError, MemoryError, ZeroDivisionError) as error:
        row["outcome"] = f"{type(error).__name__}: {error}"[:200]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
    return row | {"seconds": time.process_time() - start}


def _plain_spsolve(system: LinearSystem) -> dict[str, Any]:
    """Return what SciPy's function takes without anything of this package around it."""
    from scipy.sparse.linalg import spsolve

    matrix, rhs = system.operator.to_sparse(), np.asarray(system.rhs)
    start = time.process_time()
    try:
        x = spsolve(matrix.tocsc(), rhs)
    except RuntimeError as error:
        return {"solver": PLAIN, "converged": False, "seconds": math.nan, "outcome": str(error)}
    seconds = time.process_time() - start
    residual = float(np.linalg.norm(rhs - matrix @ x) / np.linalg.norm(rhs))
    return {"solver": PLAIN, "converged": residual <= RTOL, "residual": residual, "seconds": seconds, "iterations": 1}


def measured(name: str, system: LinearSystem, solvers: Sequence[str], rounds: int) -> list[dict[str, Any]]:
    """Return a row per solver for one system."""
    rows: dict[str, dict[str, Any]] = {}
    best = math.inf
    for number in range(rounds):
        for solver in solvers:
            last = rows.get(solver)
            hopeless = last is None or not last["converged"] or last["seconds"] > LONG * best + 0.005
            if number and hopeless and solver != "auto":
                continue
            limit = math.inf if solver == "auto" else SLOW * best + GRACE
            row = timed(solver, system, limit)
            if last is not None and last["seconds"] < row["seconds"]:
                row["seconds"] = last["seconds"]
            rows[solver] = row
            if row["converged"] and solver not in ("auto", PLAIN):
                best = min(best, row["seconds"])
    known = {"suite": "systems", "system": name, "held_back": name in HELD_BACK, "unknowns": system.size}
    return [{**known, **{key: value for key, value in row.items() if key != "x"}} for row in rows.values()]


def measure_systems(
    names: Iterable[str], *, rounds: int = 3, solvers: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """Return rows for systems of the collection: `auto` and all that take them, or only `solvers`."""
    console, rows = Console(stderr=True), list[dict[str, Any]]()
    where = environment()
    with warnings.catch_warnings(), pinned_threads(1), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for name in names:
            try:
                system = SYSTEMS[name]()
            except ritz.InvalidProblem as error:
                console.print(f"systems: {name} is refused: {error}")
                continue
            if system is None:
                console.print(f"systems: {name} is not at hand")
                continue
            found = measured(name, system, solvers or [*competitors(system), "auto"], rounds)
            rows += [{**row, "environment": where} if row["solver"] == "auto" else row for row in found]
            console.print(f"systems: {name}, {system.size} unknowns")
    return rows


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure every solver on every system."""
    return measure_systems(QUICK if quick else SYSTEMS, rounds=2 if quick else 3)


def regrets(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return for each system the rows of `auto` and of the best other solver, and the ratio of their times.

    The ratio is infinite if `auto` did not solve what another solver did; systems that none solved are left out.
    """
    systems: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        systems.setdefault(row["system"], []).append(row)
    found: list[dict[str, Any]] = []
    for name, group in systems.items():
        auto = next(row for row in group if row["solver"] == "auto")
        others = [row for row in group if row["solver"] not in ("auto", PLAIN) and row["converged"]]
        if not others:
            continue
        best = min(others, key=lambda row: row["seconds"])
        ratio = auto["seconds"] / best["seconds"] if auto["converged"] else math.inf
        direct = next((row for row in group if row["solver"] == PLAIN and row["converged"]), None)
        against = auto["seconds"] / direct["seconds"] if direct is not None else math.nan
        entry = {"system": name, "held_back": auto["held_back"], "auto": auto, "best": best, "ratio": ratio}
        found.append({**entry, "against_spsolve": against})
    return found


def shares(found: list[dict[str, Any]]) -> list[float]:
    """Return the shares of systems within the targets, and the largest ratio."""
    ratios = np.array([entry["ratio"] for entry in found])
    return [*(float((ratios <= target).mean()) for target in TARGETS), float(ratios.max())]


def summary(rows: list[dict[str, Any]]) -> Table:
    """Return the distribution of regret on both parts, and the systems above the targets."""
    table = Table("systems", "number", "within 1.3", "within 2", "largest", "unsolved", "median against spsolve")
    found = regrets(rows)
    parts = {
        "for fitting": [entry for entry in found if not entry["held_back"]],
        "held back": [entry for entry in found if entry["held_back"]],
        "collected matrices": [entry for entry in found if entry["system"].startswith("collected/")],
    }
    for part, entries in parts.items():
        if entries:
            unsolved = sum(math.isinf(entry["ratio"]) for entry in entries)
            near, far, largest = shares(entries)
            against = float(np.nanmedian([entry["against_spsolve"] for entry in entries]))
            table.add_row(
                part, str(len(entries)), f"{near:.0%}", f"{far:.0%}", f"{largest:.2f}", str(unsolved), f"{against:.2f}"
            )
    return table


def plot(rows: list[dict[str, Any]]) -> Figure:
    """Plot the distribution of regret on both parts."""
    found = regrets(rows)
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    panel = figure.subplots()
    for held_back, colour, label in ((False, "C0", "fitted"), (True, "C3", "held back")):
        ratios = np.sort([min(entry["ratio"], 1e3) for entry in found if entry["held_back"] == held_back])
        if ratios.size:
            share = np.arange(1, ratios.size + 1) / ratios.size
            panel.step(ratios, 100 * share, where="post", color=colour, label=f"{label} ({ratios.size} systems)")
    for target in TARGETS:
        panel.axvline(target, color="0.6", linewidth=0.8, linestyle="--")
    panel.set(xscale="log", xlabel="time of auto / time of the best other solver", ylabel="systems, %", ylim=(0, 102))
    ticks = [tick for tick in (0.5, 0.7, 1.0, 1.3, 2.0, 4.0, 10.0, 100.0) if tick <= 1.2 * panel.get_xlim()[1]]
    panel.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    panel.minorticks_off()
    panel.grid(alpha=0.3)
    panel.legend(loc="lower right")
    return figure


SUITE = Suite("systems", "How far is auto from the best solver, on systems of every origin?", run, summary, plot)
