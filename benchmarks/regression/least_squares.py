"""Exact least squares against LAPACK, torch and SciPy, and sketches against their theory."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

import ritz
from benchmarks.harness import Suite
from ritz import problems
from ritz.comparing.environment import environment, pinned_threads
from ritz.figures.regression.linf_separation import scaled_errors
from ritz.problem_types.least_squares import LeastSquares
from ritz.solvers.regression.least_squares.backward_error import LeastSquaresTask
from ritz.solvers.regression.least_squares.factor import Factor, factor_of
from ritz.solvers.regression.sketches.srht import SRHT

RTOL = 1e-14  # `lstsq` goes beyond this anyway
SPARSE_RTOL = 1e-10
CONDITIONS = (1e3, 1e6, 1e8, 1e10, 1e12)
GELS_LIMIT = 1e7  # condition number up to which torch's full-rank driver takes part

TimedSolve = Callable[[LeastSquares], tuple[np.ndarray, float]]
"""Returns a solution and its time in seconds."""


def registered(name: str, rtol: float) -> TimedSolve:
    """Return the timed solve of a registered solver, from raw arrays to the certified answer."""

    def method(problem: LeastSquares) -> tuple[np.ndarray, float]:
        start = time.perf_counter()
        solution = ritz.solve(LeastSquares(problem.A, problem.b), name, rtol=rtol, throw=False)
        return solution.x, time.perf_counter() - start - solution.timings.get("recording", 0.0)

    return method


def numpy_lstsq(problem: LeastSquares) -> tuple[np.ndarray, float]:
    """Solve with LAPACK's gelsd."""
    start = time.perf_counter()
    x = np.linalg.lstsq(problem.A, problem.b, rcond=None)[0]
    return x, time.perf_counter() - start


def torch_gels(problem: LeastSquares) -> tuple[np.ndarray, float]:
    """Solve with LAPACK's gels, called by torch."""
    import torch

    start = time.perf_counter()
    x = torch.linalg.lstsq(torch.from_numpy(problem.A), torch.from_numpy(problem.b)[:, None], driver="gels").solution
    return x[:, 0].numpy(), time.perf_counter() - start


def compare(
    case: dict[str, Any], problem: LeastSquares, methods: dict[str, TimedSolve], rounds: int
) -> list[dict[str, Any]]:
    """Return one row per method: seconds of interleaved rounds, and the quality of its answer from an exact factor."""
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    answers: dict[str, np.ndarray] = {}
    with pinned_threads(1):
        for _ in range(rounds + (rounds > 1)):
            for name, method in methods.items():
                answers[name], spent = method(problem)
                seconds[name].append(spent)
        factor = exact_factor(problem)
        goal = LeastSquaresTask(problem, factor)
        qualities = {name: goal.certificates(goal.assess(np.asarray(x, dtype=float))) for name, x in answers.items()}
    return [
        {
            "suite": "least-squares",
            **case,
            "rows": problem.shape[0],
            "columns": problem.shape[1],
            "solver": name,
            "seconds": spread(seconds[name][(rounds > 1) :]),
            "gradient_ratio": qualities[name]["gradient_ratio"],
            "backward_error": qualities[name]["backward_error"],
            "environment": environment(threads=1),
        }
        for name in methods
    ]


def exact_factor(problem: LeastSquares) -> Factor:
    """Return the QR factor of A, computed from the triangular factors of row blocks to save memory if A is large."""
    if not isinstance(problem.A, np.ndarray):
        return factor_of(problem.A.toarray())
    parts = np.array_split(problem.A, max(1, problem.A.size // 2**26))
    return factor_of(np.vstack([np.linalg.qr(part, mode="r") for part in parts]))


def spread(seconds: list[float]) -> dict[str, float]:
    """Return the median, smallest and largest time."""
    return {"median": median(seconds), "min": min(seconds), "max": max(seconds)}


def dense_rows(quick: bool, large: bool) -> list[dict[str, Any]]:
    """Measure dense problems; the large one takes 14 GB of memory."""
    shapes = [(4000, 20)] if quick else [(131_072, 100), (131_072, 400), (1_000_000, 100)]
    shapes += [(1_000_000, 400)] * large
    rows: list[dict[str, Any]] = []
    for shape in shapes:
        for condition in (1e3, 1e10) if quick or shape[0] * shape[1] > 2e8 else CONDITIONS:
            problem = problems.regression(*shape, condition=condition)
            methods: dict[str, TimedSolve] = {"lstsq": registered("lstsq", RTOL), "numpy gelsd": numpy_lstsq}
            if condition <= GELS_LIMIT:
                methods["torch gels"] = torch_gels
            rounds = 1 if quick or problem.A.size > 2e8 else 3
            rows += compare({"family": "dense", "condition": condition}, problem, methods, rounds)
    return rows


def sparse_rows(quick: bool) -> list[dict[str, Any]]:
    """Measure sparse problems at equal accuracy, which each solver must reach and certify."""
    shape, density = ((4000, 100), 1e-2) if quick else ((100_000, 1000), 1e-3)
    rows: list[dict[str, Any]] = []
    for condition in (1e2, 1e3, 1e4):
        problem = problems.sparse_regression(*shape, density=density, condition=condition)
        names = ("lstsq", "sketch-precondition", "scipy-lsqr", "scipy-lsmr")
        methods = {name: registered(name, SPARSE_RTOL) for name in names}
        # SciPy's solvers take a minute, and reach their limit of 20000 iterations before the accuracy in the last case.
        rows += compare({"family": "sparse", "condition": condition}, problem, methods, 1)
    return rows


def coordinate_rows(quick: bool) -> list[dict[str, Any]]:
    """Measure the largest coordinate error on the adversarial problem."""
    trials, length = (3, 2**12) if quick else (10, 2**15)
    rows: list[dict[str, Any]] = []
    for columns in (64, 128) if quick else (64, 128, 256, 512):
        problem = problems.adversarial_regression(length, columns)
        for kind in ("gaussian", "rademacher", "srht", "gaussian-pooled", "sparse-sign", "count-sketch"):
            errors = scaled_errors(problem, kind, trials, 1.0)
            case = {"suite": "least-squares", "family": "coordinates", "rows": length, "columns": columns}
            rows.append({**case, "solver": kind, "mean": errors.mean(), "max": errors.max(), "trials": trials})
    return rows


def transform_rows(quick: bool) -> list[dict[str, Any]]:
    """Time the Hadamard transform against SciPy's cosine transform, as sketches of the same size."""
    rows: list[dict[str, Any]] = []
    for length, columns in [(4096, 20)] if quick else [(131_072, 100), (131_072, 400), (100_000, 100)]:
        x = np.random.default_rng(0).standard_normal((length, columns))
        sketches = {transform: SRHT(20 * columns, length, transform=transform) for transform in ("hadamard", "cosine")}
        seconds: dict[str, list[float]] = {name: [] for name in sketches}
        with pinned_threads(1):
            for _ in range(6):
                for name, sketch in sketches.items():
                    start = time.perf_counter()
                    sketch @ x
                    seconds[name].append(time.perf_counter() - start)
        case = {"suite": "least-squares", "family": "transform", "rows": length, "columns": columns}
        rows += [{**case, "solver": name, "seconds": spread(spent[1:])} for name, spent in seconds.items()]
    return rows


def run(quick: bool, large: bool = False) -> list[dict[str, Any]]:
    """Measure everything; the problem with 1e6 rows and 400 columns only if `large`."""
    return [*dense_rows(quick, large), *sparse_rows(quick), *coordinate_rows(quick), *transform_rows(quick)]


def ratio(rows: list[dict[str, Any]], row: dict[str, Any], solver: str) -> float:
    """Return the median time of `solver` on the case of `row`, relative to that of `row`; NaN if not measured."""
    keys = ("family", "rows", "columns", "condition")
    same = [r for r in rows if r["solver"] == solver and all(r.get(key) == row.get(key) for key in keys)]
    return same[0]["seconds"]["median"] / row["seconds"]["median"] if same else math.nan


def targets(rows: list[dict[str, Any]]) -> list[tuple[str, str, str, bool]]:
    """Return case, measured value, target and whether it is met, for each target."""
    found: list[tuple[str, str, str, bool]] = []
    for row in rows:
        case = f"{row['family']} {row['rows']:,} x {row['columns']}"
        case += f", condition {row['condition']:.0e}" if "condition" in row else ""
        if row["family"] == "dense" and row["solver"] == "lstsq":
            numpy, torch = ratio(rows, row, "numpy gelsd"), ratio(rows, row, "torch gels")
            well = row["condition"] <= 1e6
            least = 4.0 if well else 2.5
            found.append((case, f"{numpy:.1f} x numpy", f">= {least}", numpy >= least))
            if not math.isnan(torch):
                found.append((case, f"{torch:.1f} x torch gels", ">= 1.5", torch >= 1.5))
            if well:
                value = row["gradient_ratio"]
                found.append((case, f"gradient ratio {value:.1e}", "<= 1e-14", value <= 1e-14))
            theirs = next(r for r in rows if {**r, **_case(row)} == r and r["solver"] == "numpy gelsd")
            relative = row["backward_error"] / theirs["backward_error"]
            found.append((case, f"backward error {relative:.2f} x numpy's", "<= 2", relative <= 2.0))
        elif row["family"] == "sparse" and row["solver"] == "lstsq":
            for peer in ("scipy-lsqr", "scipy-lsmr"):
                value = ratio(rows, row, peer)
                found.append((case, f"{value:.1f} x {peer}", ">= 3", value >= 3.0))
        elif row["family"] == "coordinates" and row["solver"] not in ("count-sketch", "sparse-sign"):
            found.append(
                (case, f"{row['solver']}: {row['mean']:.2f}, at most {row['max']:.2f}", "<= 5", row["mean"] <= 5)
            )
        elif row["family"] == "coordinates" and row["solver"] == "count-sketch":
            srht = next(r for r in rows if {**r, **_case(row)} == r and r["solver"] == "srht")
            value = row["mean"] / srht["mean"]
            wanted = row["columns"] == 512
            found.append((case, f"CountSketch {value:.2f} x SRHT", ">= 4" if wanted else "-", value >= 4 or not wanted))
        elif row["family"] == "transform" and row["solver"] == "hadamard":
            value = ratio(rows, row, "cosine")
            found.append((case, f"{value:.2f} x the cosine transform", ">= 1", value >= 1.0))
    return found


def _case(row: dict[str, Any]) -> dict[str, Any]:
    return {key: row[key] for key in ("family", "rows", "columns", "condition") if key in row}


def summary(rows: list[dict[str, Any]]) -> Table:
    """Return one row per target."""
    table = Table("case", "measured", "target", "met")
    for case, measured, target, met in targets(rows):
        table.add_row(case, measured, target, "yes" if met else "no")
    return table


def plot(rows: list[dict[str, Any]]) -> Figure:
    """Plot the speed-up over numpy against the condition number."""
    figure = Figure(figsize=(6.0, 4.0), layout="constrained")
    panel = figure.subplots()
    mine = [row for row in rows if row["family"] == "dense" and row["solver"] == "lstsq"]
    for number, shape in enumerate(dict.fromkeys((row["rows"], row["columns"]) for row in mine)):
        points = [
            (row["condition"], ratio(rows, row, "numpy gelsd"))
            for row in mine
            if (row["rows"], row["columns"]) == shape
        ]
        panel.plot(*zip(*points, strict=True), marker="os^D"[number % 4], label=f"{shape[0]:,} x {shape[1]}")
    panel.axhline(1.0, color="0.4", linestyle="--", linewidth=1)
    panel.set(xscale="log", xlabel="condition number", ylabel="time of numpy.linalg.lstsq / time of lstsq")
    panel.set_ylim(bottom=0.0)
    panel.grid(alpha=0.3)
    panel.legend(fontsize=8)
    return figure


SUITE = Suite("least-squares", "Is exact least squares faster than LAPACK, and as accurate?", run, summary, plot)
