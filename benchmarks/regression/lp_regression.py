"""l_p regression: interior-point times against HiGHS, errors of sampling, and sums of Lewis weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from benchmarks.harness import Case, Suite, measure
from ritz import problems
from ritz.figures.regression.lp_sampling import sampling_errors
from ritz.solver import make_solver
from ritz.solvers.regression.lp.lewis_weights import lewis_weights
from ritz.solvers.regression.lp.sampling import SCORES

HIGHS = [(f"lp-highs {method}", make_solver("lp-highs", {"method": f"highs-{method}"})) for method in ("ds", "ipm")]
LEWIS = (1.0, 1.5, 3.0, 4.0, 6.0, 20.0)


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure times, sampling errors and Lewis weights."""
    shapes = [(300, 5), (600, 5)] if quick else [(5000, 20), (20_000, 20), (5000, 100)]
    cases = [
        Case(
            f"p={p:g}, d={columns}", lambda rows=rows, columns=columns, p=p: problems.lp_regression(rows, columns, p=p)
        )
        for p in (1.0, np.inf)
        for rows, columns in shapes
    ]
    found: list[dict[str, Any]] = []
    for case in cases:
        rows = case.make().shape[0]
        measured = measure("lp-regression", [case], ["lp", *HIGHS], repeat=1 if quick else 3, baseline="lp")
        found += [{**row, "kind": "time", "rows": rows} for row in measured]
    return found + _samples(quick) + _lewis(quick)


def _samples(quick: bool) -> list[dict[str, Any]]:
    """Return the median error of samples with 80 (d + 1) rows, by p and score."""
    rows, columns, trials = (4000, 5, 5) if quick else (50_000, 20, 25)
    found: list[dict[str, Any]] = []
    for p in (1.0, 1.5):
        problem = problems.lp_regression(rows, columns, p=p, weight=10.0)
        for scores in SCORES:
            errors = sampling_errors(problem, scores, [80 * (columns + 1)], trials)[0]
            found.append({"kind": "sample", "p": p, "scores": scores, "error": float(np.median(errors))})
    return found


def _lewis(quick: bool) -> list[dict[str, Any]]:
    """Return the error in the sum of Lewis weights, the number of columns in theory, for rows of very unequal norm."""
    rows, columns = (500, 5) if quick else (20_000, 50)
    generator = np.random.default_rng(0)
    A = generator.standard_normal((rows, columns)) * generator.standard_cauchy((rows, 1))
    return [{"kind": "lewis", "p": p, "excess": abs(float(lewis_weights(A, p).sum()) - columns)} for p in LEWIS]


def speedups(rows: list[dict[str, Any]]) -> list[tuple[dict[str, Any], float]]:
    """Return the row of ``lp`` and the time of the faster HiGHS method relative to it, for each case."""
    times = [row for row in rows if row["kind"] == "time"]
    found: list[tuple[dict[str, Any], float]] = []
    for ours in (row for row in times if row["solver"] == "lp"):
        same = [row for row in times if row["solver"] != "lp" and row["converged"]]
        same = [row for row in same if (row["family"], row["rows"]) == (ours["family"], ours["rows"])]
        found.append((ours, min(row["total"]["median"] for row in same) / ours["total"]["median"]))
    return found


def summary(rows: list[dict[str, Any]]) -> Table:
    """Return one row per target."""
    table = Table("measure", "case", "target", "measured")

    def add(what: str, case: str, target: str, value: str, met: bool) -> None:
        table.add_row(what, case, target, value if met else f"[red]{value}[/]")

    for ours, speedup in speedups(rows):
        case = f"{ours['family']}, n={ours['rows']:,}"
        add("times faster than HiGHS", case, ">= 10", f"{speedup:.1f}", speedup >= 10.0)
        add("relative duality gap", case, "<= 1e-7", f"{ours['residual']:.1e}", ours["residual"] <= 1e-7)
    errors = {(row["p"], row["scores"]): row["error"] for row in rows if row["kind"] == "sample"}
    for (p, scores), error in errors.items():
        if scores in ("root-leverage", "lewis"):
            add("median error with 80 (d + 1) rows", f"p={p:g}, {scores}", "<= 0.01", f"{error:.4f}", error <= 0.01)
    for scores in ("root-leverage", "lewis"):
        share = errors[1.0, scores] / errors[1.0, "leverage"]
        add("error / that of leverage", f"p=1, {scores}", "<= 0.5", f"{share:.2f}", share <= 0.5)
    for row in rows:
        if row["kind"] == "lewis":
            excess = row["excess"]
            add("sum of Lewis weights minus d", f"p={row['p']:g}", "<= 1e-6", f"{excess:.0e}", excess <= 1e-6)
    return table


def plot(rows: list[dict[str, Any]]) -> Figure:
    """Plot the time of every solver and case as a bar."""
    times = [row for row in rows if row["kind"] == "time" and row["total"]]
    figure = Figure(figsize=(7.0, 0.22 * len(times) + 1.2), layout="constrained")
    panel = figure.subplots()
    names = [f"{row['family']}, n={row['rows']:,}, {row['solver']}" for row in times]
    seconds = [row["total"]["median"] for row in times]
    panel.barh(names, seconds, color=["C0" if row["solver"] == "lp" else "C1" for row in times], height=0.7)
    panel.set(xscale="log", xlabel="prepare + solve, seconds")
    panel.invert_yaxis()
    panel.tick_params(axis="y", labelsize=7)
    return figure


SUITE = Suite("lp-regression", "Does l_p regression meet its targets of speed and accuracy?", run, summary, plot)
