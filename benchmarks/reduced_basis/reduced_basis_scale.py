"""Reduced models of problems with up to a hundred thousand unknowns: growth of the online time."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from benchmarks.harness import Suite
from ritz.comparing.environment import environment, pinned_threads
from ritz.registry import problems
from ritz.solvers.reduced_basis import LocalReducedBasis

from .reduced_basis import measure_models
from .reduced_basis_peers import timed

SIDES, QUICK = (40, 80, 160, 319), (16, 24)
# Clusters, modes and training solves as required by error estimates at unseen parameters on smaller grids.
CASES: dict[str, dict[str, Any]] = {
    "thermal-block": {"clusters": 1, "size": 15, "training": 50, "linear": True},
    "rotating-wind": {"clusters": 1, "size": 240, "training": 480, "linear": True},
    "moving-reaction": {"clusters": 8, "size": 40, "training": 400, "linear": False},
}
TEST = 12


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure every problem over sizes; costly problems skip some of them."""
    rows: list[dict[str, Any]] = []
    console = Console(stderr=True)
    with pinned_threads(1):
        for name, case in CASES.items():
            sides = QUICK if quick else (SIDES if case["clusters"] == 1 else SIDES[1::2])
            for side in sides:
                rows.append(measure(name, side, case, quick))
                console.print(f"reduced-basis-scale: {name}, {side}²")
    facts = environment(threads=1)
    return [{"suite": "reduced-basis-scale", **row, "environment": facts} for row in rows]


def measure(name: str, side: int, case: dict[str, Any], quick: bool) -> dict[str, Any]:
    """Return the times and errors of one problem at one size."""
    problem = problems[name](shape=(side, side))
    training = 40 if quick else case["training"]
    points = problem.sample(training + TEST)
    problem.full_order(points[0])  # compilation
    found = problem.snapshots(points)
    known, unknown = found.select(found.groups < training), found.select(found.groups >= training)
    solver = LocalReducedBasis(
        clusters=min(case["clusters"], 2) if quick else case["clusters"],
        size=min(case["size"], 8) if quick else case["size"],
        tolerance=np.inf,
    )
    model = solver.fit(problem, known)
    model.reduced(points[0])
    facts = measure_models(problem, {"model": model}, unknown)["model"]
    answer, _ = model.reduced(points[0])
    return {
        "problem": name,
        "linear": case["linear"],
        "unknowns": problem.size,
        "clusters": len(model.stage.models),
        "size": solver.size,
        "offline": model.seconds,
        "expand": timed(lambda: model.state(answer))[1],
        "solve": float(np.median([timed(lambda mu=mu: model.solve(mu), 1)[1] for mu in unknown.parameters])),
        **facts,
    }


def summary(rows: list[dict[str, Any]]) -> Table:
    """Return times, speed-ups and errors by size, with missed targets at the largest size marked."""
    table = Table(
        "problem", "unknowns", "full solve, ms", "reduced, ms", "with state", "with residual", "speed-up", "error"
    )
    for row in rows:
        ratio = row["full_seconds"] / row["seconds"]
        targeted = row["unknowns"] >= 1e5
        met = ratio >= (100 if row["linear"] else 20) and (not row["linear"] or row["mean"] <= 1e-3)
        shown = f"{ratio:.0f}"
        table.add_row(
            row["problem"],
            f"{row['unknowns']:,}",
            f"{1e3 * row['full_seconds']:.0f}",
            f"{1e3 * row['seconds']:.3f}",
            f"{1e3 * (row['seconds'] + row['expand']):.2f}",
            f"{1e3 * row['solve']:.1f}",
            f"[red]{shown}[/]" if targeted and not met else shown,
            f"{row['mean']:.1e}",
        )
    return table


def plot(rows: list[dict[str, Any]]) -> Figure:
    """Plot the time per query against the number of unknowns."""
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    panel = figure.subplots()
    for number, name in enumerate(dict.fromkeys(row["problem"] for row in rows)):
        mine = [row for row in rows if row["problem"] == name]
        n = [row["unknowns"] for row in mine]
        panel.loglog(n, [1e3 * r["full_seconds"] for r in mine], "o:", color=f"C{number}", label=f"{name}, full")
        panel.loglog(n, [1e3 * r["seconds"] for r in mine], "s-", color=f"C{number}", label=f"{name}, reduced")
    panel.set(xlabel="unknowns", ylabel="ms per query")
    panel.grid(alpha=0.3, which="both")
    panel.legend(fontsize=8)
    return figure


SUITE = Suite("reduced-basis-scale", "Do reduced models take longer for more unknowns?", run, summary, plot)
