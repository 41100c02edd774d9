"""`auto` against the fastest registered general solver, in total time to prepare and solve."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure
from rich.table import Table

from benchmarks.harness import Suite, measure
from ritz.solver import make_solver

from .cases import symmetric, unsymmetric

SYMMETRIC = (
    "auto",
    "lu",
    "cholesky",
    "cg",
    ("cg+jacobi", make_solver("cg", {"preconditioner": "jacobi"})),
    ("cg+mic", make_solver("cg", {"preconditioner": "modified-incomplete-cholesky"})),
    "mic-cg",
    "multigrid",
    "transform",
    "amg-cg",
    "minres",
    "scipy-cg",
    "scipy-spsolve",
    "pyamg-sa",
    "pyamg-rs",
)
GENERAL = (
    "auto",
    "lu",
    "bicgstab",
    ("bicgstab+ilu", make_solver("bicgstab", {"preconditioner": "incomplete-lu"})),
    ("bicgstab+rs", make_solver("bicgstab", {"preconditioner": "ruge-stuben"})),
    ("gmres+ilu", make_solver("gmres", {"preconditioner": "incomplete-lu"})),
    "scipy-bicgstab",
    "scipy-gmres",
    "scipy-spsolve",
)
TARGET = 1.3


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure every suitable solver on every family."""
    options: dict[str, Any] = {"repeat": 1 if quick else 3, "baseline": "auto", "hopeless": 6.0}
    rows = measure("automatic", symmetric(quick)[:: 3 if quick else 1], SYMMETRIC, **options)
    return rows + measure("automatic", unsymmetric(quick)[:: 2 if quick else 1], GENERAL, **options)


def verdicts(rows: list[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any], float]]:
    """Return the row of `auto`, the row of the fastest other solver and the ratio of their times, for each case."""
    cases: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for row in rows:
        cases.setdefault((row["family"], row["unknowns"]), []).append(row)
    found: list[tuple[dict[str, Any], dict[str, Any], float]] = []
    for group in cases.values():
        auto = next(row for row in group if row["solver"] == "auto")
        others = [row for row in group if row["solver"] != "auto" and row["converged"]]
        best = min(others, key=lambda row: row["total"]["median"])
        ratio = auto["total"]["median"] / best["total"]["median"] if auto["converged"] else float("inf")
        found.append((auto, best, ratio))
    return found


def summary(rows: list[dict[str, Any]]) -> Table:
    """Return one row per case, with ratios above the target marked."""
    table = Table("problem", "unknowns", "auto chose", "ms", "best other", "ms", "ratio")
    for auto, best, ratio in verdicts(rows):
        chosen = str(auto["chosen"]).split(":")[0]
        table.add_row(
            *(auto["family"], f"{auto['unknowns']:,}", chosen, f"{1e3 * auto['total']['median']:.2f}"),
            *(best["solver"], f"{1e3 * best['total']['median']:.2f}"),
            f"[red]{ratio:.2f}[/]" if ratio > TARGET else f"{ratio:.2f}",
        )
    return table


def plot(rows: list[dict[str, Any]]) -> Figure:
    """Plot the ratio of every case as a bar."""
    found = verdicts(rows)
    figure = Figure(figsize=(8.0, 0.19 * len(found) + 1.2), layout="constrained")
    panel = figure.subplots()
    names = [f"{auto['family']}, {auto['unknowns']:,}" for auto, _, _ in found]
    ratios = [ratio for _, _, ratio in found]
    panel.barh(names, ratios, color=["C3" if ratio > TARGET else "C0" for ratio in ratios], height=0.7)
    panel.axvline(1.0, color="0.4", linewidth=1)
    panel.axvline(TARGET, color="0.4", linewidth=1, linestyle="--")
    panel.set_xlabel("time of auto / time of the best other solver (dashed: target 1.3)")
    panel.invert_yaxis()
    panel.margins(y=0.01)
    panel.tick_params(axis="y", labelsize=7)
    return figure


SUITE = Suite("automatic", "Is auto ever slower than 1.3 times the best general solver?", run, summary, plot)
