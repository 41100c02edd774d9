"""Errors, error estimates and times of local and global reduced models."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

import ritz
from ritz.plotting.style import COLOURS, ritz_style
from ritz.solvers.reduced_basis import GlobalPOD, LocalReducedBasis, PreparedReducedBasis
from ritz.solvers.reduced_basis.offline import errors_of

from ..registered_figure import figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ritz.problem_types.parametric.parametric_pde import ParametricPDE
    from ritz.problem_types.parametric.snapshots import Snapshots

__all__ = ["compute", "plot"]

Data: TypeAlias = dict[str, Any]

GLOBAL, LOCAL = (10, 20, 40, 80, 120), (5, 10, 20, 30)  # modes
SIDES, QUICK = (30, 60, 120, 240, 320), (12, 24)


def compute(quick: bool = False) -> Data:
    """Return errors, estimates and seconds by model on two materials, and seconds by size on the thermal block.

    Parameters
    ----------
    quick : bool
        Use small problems and few snapshots.
    """
    problem = ritz.problems.two_materials((16, 16) if quick else (48, 48))
    training, test = (60, 20) if quick else (400, 100)
    everything = problem.snapshots(problem.sample(training + test))
    known, unknown = everything.select(slice(0, training)), everything.select(slice(training, None))
    clusters = 4 if quick else 16
    data: Data = {"clusters": clusters, "models": {"local": [], "global": []}}
    for size in LOCAL[:2] if quick else LOCAL:
        model = LocalReducedBasis(clusters=clusters, size=size, tolerance=np.inf).fit(problem, known)
        data["models"]["local"].append({"size": size, **_measured(model, unknown)})
    for size in GLOBAL[:2] if quick else GLOBAL:
        model = GlobalPOD(size=size, tolerance=np.inf).fit(problem, known)
        data["models"]["global"].append({"size": size, **_measured(model, unknown)})
    data["full"] = _seconds(problem, unknown.parameters[:10])
    data["growth"] = [_growth(side, quick) for side in (QUICK if quick else SIDES)]
    return data


def _measured(model: PreparedReducedBasis, unknown: Snapshots) -> Data:
    errors, estimates, seconds = [], [], []
    for row in range(len(unknown)):
        truth = unknown.select([row])
        began = time.perf_counter()
        answer, estimate = model.reduced(truth.parameters[0])
        seconds.append(time.perf_counter() - began)
        errors.append(errors_of(model.stage, answer, truth))
        estimates.append(estimate)
    return {"errors": np.array(errors), "estimates": np.array(estimates), "seconds": float(np.median(seconds))}


def _seconds(problem: ParametricPDE, points: np.ndarray) -> float:
    seconds = []
    for mu in points:
        began = time.perf_counter()
        problem.full_order(mu)
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds))


def _growth(side: int, quick: bool) -> Data:
    problem = ritz.problems.thermal_block((side, side))
    points = problem.sample(40 if quick else 60)
    problem.full_order(points[0])  # compilation
    model = GlobalPOD(size=10, samples=len(points)).fit(problem)
    reduced, states, solves = [], [], []
    for mu in points[:20]:
        began = time.perf_counter()
        answer, _ = model.reduced(mu)
        middle = time.perf_counter()
        model.state(answer)
        states.append(time.perf_counter() - began)
        reduced.append(middle - began)
        began = time.perf_counter()
        problem.full_order(mu)
        solves.append(time.perf_counter() - began)
    named = {"reduced": reduced, "state": states, "full": solves}
    return {"unknowns": problem.size, **{name: float(np.median(values)) for name, values in named.items()}}


def plot(data: Data) -> Figure:
    """Return the figure: error against time, estimate against error, time against unknowns."""
    from matplotlib.figure import Figure

    with ritz_style():
        canvas = Figure(figsize=(12.0, 3.9), layout="constrained")
        left, middle, right = canvas.subplots(1, 3)
        names = {"local": f"{data['clusters']} local bases, checked", "global": "one basis"}
        for colour, (kind, label) in zip(COLOURS, names.items(), strict=False):
            rows = data["models"][kind]
            milliseconds = [1e3 * row["seconds"] for row in rows]
            errors = [row["errors"].mean() for row in rows]
            left.loglog(milliseconds, errors, "o-", color=colour, label=label)
            for x, y, row in zip(milliseconds, errors, rows, strict=True):
                left.annotate(str(row["size"]), (x, y), (5, 4), textcoords="offset points", fontsize=8, color=colour)
        left.axvline(1e3 * data["full"], color=COLOURS[5], linestyle=":", label="full solve")
        left.set(xlabel="ms per query", ylabel="mean relative error", title="two materials, by number of modes")
        left.legend()
        for number, row in enumerate(data["models"]["local"]):
            label = f"{row['size']} modes"
            middle.loglog(row["errors"], row["estimates"], ".", color=COLOURS[number], label=label, alpha=0.7)
        low = min(row["errors"].min() for row in data["models"]["local"])
        high = max(row["estimates"].max() for row in data["models"]["local"])
        middle.plot([low, high], [low, high], color=COLOURS[5], linewidth=1.0)
        middle.set(xlabel="true error", ylabel="estimated error", title="above the line, estimates are bounds")
        middle.legend()
        unknowns = [row["unknowns"] for row in data["growth"]]
        for number, (name, label) in enumerate(
            (("full", "full solve"), ("state", "reduced, with state"), ("reduced", "reduced, with error estimate"))
        ):
            seconds = [1e3 * row[name] for row in data["growth"]]
            right.loglog(unknowns, seconds, "o-", color=COLOURS[number], label=label)
        right.set(xlabel="unknowns", ylabel="ms per query", title="thermal block, 10 modes")
        right.legend()
    return canvas


figure("reduced-models", compute, plot)
