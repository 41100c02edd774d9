"""Reduced models at the usual sizes of their problems: errors, estimates, and times against full models and pyMOR."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from rich.console import Console
from rich.table import Table

from benchmarks.harness import Suite
from ritz import ParametricPDE, Snapshots
from ritz.comparing.environment import environment, pinned_threads
from ritz.registry import problems
from ritz.solvers.reduced_basis import GlobalPOD, LocalReducedBasis, PreparedReducedBasis, dissimilarities
from ritz.solvers.reduced_basis.offline import errors_of
from ritz.solvers.reduced_basis.online import ReducedAnswer

from .local_bases import Cases, snapshots
from .reduced_basis_peers import measure_pymor, relative_errors, timed

MOVING, NONLINEAR = "two-materials", "moving-reaction"
TRAINING, TEST = 300, 100
SIZE, CLUSTERS, GLOBAL = 20, 16, (20, 40, 80, 120, 160)
CASES: Cases = {
    MOVING: {"shape": (48, 48)},
    "rotating-wind": {"shape": (47, 47)},
    "helmholtz-lens": {"shape": (60, 60)},
    "lid-driven-cavity": {"shape": (39, 39)},
    NONLINEAR: {"shape": (60, 60)},
    "thermal-block": {"shape": (47, 47)},
}
QUICK: Cases = {MOVING: {"shape": (16, 16)}, NONLINEAR: {"shape": (16, 16)}}


def run(quick: bool) -> list[dict[str, Any]]:
    """Return the rows of all parts; snapshots are kept on disk, which lets an interrupted run resume."""
    rows: list[dict[str, Any]] = []
    console = Console(stderr=True)
    training, test = (60, 15) if quick else (TRAINING, TEST)
    with pinned_threads(1):
        for name, arguments in (QUICK if quick else CASES).items():
            problem = problems[name](**arguments)
            known, unknown = snapshots(problem, training, test)
            rows += model_rows(name, problem, known, unknown, quick)
            if name == MOVING:
                rows.append(selection(problem, known, unknown))
            if name in (NONLINEAR, "lid-driven-cavity"):
                rows.append(warm_starts(name, problem, known, unknown))
            console.print(f"reduced-basis: {name}, {problem.size} unknowns")
        rows += thermal_block((15, 15) if quick else (99, 99), *((30, 10) if quick else (256, 50)))
    facts = environment(threads=1)
    return [{"suite": "reduced-basis", **row, "environment": facts} for row in rows]


def model_rows(
    name: str, problem: ParametricPDE, known: Snapshots, unknown: Snapshots, quick: bool
) -> list[dict[str, Any]]:
    """Return one row per model: local with and without checks, as recommended, and global for each size."""
    clusters, sizes = (4, (10, 20)) if quick else (CLUSTERS, GLOBAL)
    size = 8 if quick else SIZE
    local = LocalReducedBasis(clusters=clusters, size=size, tolerance=np.inf).fit(problem, known)
    models = {"local": local, "local, first choice": replace(local, stage=replace(local.stage, candidates=1))}
    if not quick:
        models["recommended"] = LocalReducedBasis(size=size, tolerance=np.inf).fit(problem, known)
    for number in sizes:
        if number <= len(known) // 2:
            models[f"global {number}"] = GlobalPOD(size=number, tolerance=np.inf).fit(problem, known)
    measured = measure_models(problem, models, unknown)
    measured["local"]["least"] = least_of_likeliest(local, unknown)
    common = {"part": "models", "problem": name, "unknowns": problem.size}
    return [
        {
            **common,
            "model": label,
            "size": model.stage.models[0].basis.size,
            "clusters": len(model.stage.models),
            "offline": model.seconds,
            **measured[label],
        }
        for label, model in models.items()
    ]


def least_of_likeliest(model: PreparedReducedBasis, unknown: Snapshots) -> float:
    """Return the mean error if the basis with the least true error were always chosen from those that may be tried."""
    stage, errors = model.stage, []
    for number, mu in enumerate(unknown.parameters):
        states = map(stage.attempts(mu), stage.likeliest(mu))
        answers = [ReducedAnswer((state,), state.relative_error, ()) for state in states]
        errors.append(min(errors_of(stage, answer, unknown.select([number])) for answer in answers))
    return float(np.mean(errors))


def measure_models(
    problem: ParametricPDE, models: Mapping[str, PreparedReducedBasis], unknown: Snapshots
) -> dict[str, dict[str, Any]]:
    """Return errors, estimates and times by model, with models and the full solve interleaved over the parameters."""
    times: dict[str, list[float]] = {label: [] for label in (*models, "full")}
    errors: dict[str, list[tuple[float, float, int]]] = {label: [] for label in models}
    for group in np.unique(unknown.groups):
        truth = unknown.select(unknown.groups == group)
        mu = truth.parameters[0]
        for label, model in models.items():
            (answer, estimate), seconds = timed(lambda model=model, mu=mu: model.reduced(mu))
            times[label].append(seconds)
            errors[label].append((errors_of(model.stage, answer, truth), estimate, len(answer.tried)))
        if len(times["full"]) < 20:
            times["full"].append(timed(lambda mu=mu: problem.full_order(mu), 1)[1])
    found: dict[str, dict[str, Any]] = {}
    for label in models:
        wrong, estimates, tried = np.array(errors[label]).T
        found[label] = {
            "mean": float(wrong.mean()),
            "median": float(np.median(wrong)),
            "max": float(wrong.max()),
            "coverage": float(np.mean(wrong <= estimates)),
            "overestimation": float(np.median(estimates / wrong)),
            "tried": float(tried.mean()),
            "seconds": float(np.median(times[label])),
            "full_seconds": float(np.median(times["full"])),
        }
    return found


def selection(problem: ParametricPDE, known: Snapshots, unknown: Snapshots) -> dict[str, Any]:
    """Return the times to assign a parameter: by the classifier, or by a solve and the angles with all medoids."""
    from ritz.solvers.reduced_basis import local_bases

    found = local_bases(known, clusters=min(CLUSTERS, len(known) // 10), size=8)
    medoids = known.states[found.representatives]
    found.likeliest(unknown.parameters[0], 1)
    classifier, angles, whole = [], [], []
    for mu, state in zip(unknown.parameters[:50], unknown.states, strict=False):
        classifier.append(timed(lambda mu=mu: found.likeliest(mu, 1))[1])
        angles.append(timed(lambda u=state: dissimilarities(u[None], medoids).argmin())[1])
        whole.append(angles[-1] + timed(lambda mu=mu: problem.full_order(mu), 1)[1])
    names = ("classifier", "angles", "solve_and_angles")
    seconds = {name: float(np.median(v)) for name, v in zip(names, (classifier, angles, whole), strict=True)}
    return {"part": "selection", "problem": MOVING, **seconds}


def warm_starts(name: str, problem: ParametricPDE, known: Snapshots, unknown: Snapshots) -> dict[str, Any]:
    """Return Newton iterations to 1e-8 from zero, from the nearest snapshot and from the reduced solution."""
    model = LocalReducedBasis(clusters=min(CLUSTERS, len(known) // 15), size=min(SIZE, len(known) // 5)).fit(
        problem, known
    )
    low, high = problem.ranges.T
    counts: dict[str, list[int]] = {"cold": [], "nearest": [], "reduced": []}
    for mu in unknown.parameters[:40]:
        nearest = np.argmin(np.linalg.norm((known.parameters - mu) / (high - low), axis=1))
        starts = {"cold": np.zeros(known.size), "nearest": known.states[nearest], "reduced": model.initial_guess(mu)}
        for label, start in starts.items():
            counts[label].append(newton_iterations(problem, mu, start))
    return {"part": "warm start", "problem": name, **{label: float(np.mean(n)) for label, n in counts.items()}}


def newton_iterations(problem: ParametricPDE, mu: np.ndarray, start: np.ndarray) -> int:
    """Return the iterations of the damped Newton method to a residual of 1e-8 relative to that at zero."""
    from ritz.newton import newton
    from ritz.operators.sparse_factors import sparse_factors

    result = newton(
        lambda u: problem.residual(u, mu),
        lambda u, F, tolerance: sparse_factors(problem.jacobian(u, mu), symmetric_pattern=True).solve(F),
        start,
        rtol=1e-8,
        scale=float(np.linalg.norm(problem.residual(0.0 * start, mu))),
    )
    return len(result.history) - 1


def thermal_block(shape: tuple[int, int], training: int, test: int) -> list[dict[str, Any]]:
    """Return rows of the POD of Ritz and of pyMOR on the same matrices and snapshots, interleaved."""
    problem: Any = problems["thermal-block"](shape)
    known, unknown = snapshots(problem, training, test)
    rows: list[dict[str, Any]] = []
    for size in (5, 10, 15):
        rounds: list[dict[str, dict[str, Any]]] = []
        for _ in range(3):
            turn = {"ritz": _ritz_pod(problem, known, unknown, size)}
            with suppress(ImportError):
                turn["pymor"] = measure_pymor(problem, known, unknown, size)
                turn["pymor, greedy"] = measure_pymor(problem, known, unknown, size, greedy=True)
            rounds.append(turn)
        for label in rounds[0]:
            least = {key: min(turn[label][key] for turn in rounds) for key in ("offline", "seconds")}
            facts = {"part": "thermal block", "model": label, "size": size, "unknowns": problem.size}
            rows.append({**facts, **rounds[0][label], **least})
    return rows


def _ritz_pod(problem: Any, known: Snapshots, unknown: Snapshots, size: int) -> dict[str, Any]:
    model, offline = timed(lambda: GlobalPOD(size=size, tolerance=np.inf).fit(problem, known), 1)
    seconds = [timed(lambda mu=mu: model.reduced(mu))[1] for mu in unknown.parameters]
    batch, together = timed(lambda: [a.states[0].coefficients for a in model.stage.steady_many(unknown.parameters)])
    del batch
    errors = relative_errors(problem, model.solve_many(unknown.parameters).states, unknown.states)
    return {
        "mean": float(errors.mean()),
        "max": float(errors.max()),
        "offline": offline,
        "seconds": float(np.median(seconds)),
        "batched": together / len(unknown),
    }


def equal_error(rows: list[dict[str, Any]], problem: str) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return the row of the local model, and that of the smallest equally accurate global one, or None."""
    mine = [row for row in rows if row["part"] == "models" and row["problem"] == problem]
    [local] = [row for row in mine if row["model"] == "local"]
    enough = [row for row in mine if row["model"].startswith("global") and row["mean"] <= local["mean"]]
    return local, min(enough, key=lambda row: row["size"]) if enough else None


def summary(rows: list[dict[str, Any]]) -> Table:
    """Return one row per measurement, with its target if there is one."""
    table = Table("measure", "case", "target", "measured")

    def add(what: str, case: str, target: str, value: str, met: bool | None = None) -> None:
        table.add_row(what, case, target, f"[red]{value}[/]" if met is False else value)

    for name in dict.fromkeys(row["problem"] for row in rows if row["part"] == "models"):
        local, whole = equal_error(rows, name)
        mine = {row["model"]: row for row in rows if row["part"] == "models" and row["problem"] == name}
        shown = f"{local['mean']:.1e} in {1e3 * local['seconds']:.2f} ms, {local['clusters']} bases of {local['size']}"
        add("error", name, "", shown)
        add("times faster than the full solve", name, "", f"{local['full_seconds'] / local['seconds']:.0f}")
        largest = max((row for row in mine.values() if row["model"].startswith("global")), key=lambda row: row["size"])
        against = whole or largest
        faster = against["seconds"] / local["seconds"]
        of = f"{against['size']} modes, {against['mean']:.1e}" + ("" if whole else " (none as accurate)")
        target = ">= 5" if name == MOVING else ""
        add(
            "times faster than the global basis",
            f"{name}: {of}",
            target,
            f"{faster:.1f}",
            faster >= 5 if target else None,
        )
        first = mine["local, first choice"]
        saved = 1.0 - local["mean"] / first["mean"]
        target = ">= 25 %" if name == MOVING else ""
        shown = f"{saved:.0%}"
        if "least" in local:
            shown += f" ({1.0 - local['least'] / first['mean']:.0%} if true errors were known)"
        add("mean error saved by checks", name, target, shown, saved >= 0.25 if target else None)
        target = "<= 0.1" if name == MOVING else ""
        add("largest error", name, target, f"{local['max']:.2g}", local["max"] <= 0.1 if target else None)
        shown = f"{local['coverage']:.0%}, {local['overestimation']:.1f}"
        good = local["coverage"] >= 0.95 and local["overestimation"] <= 10
        add("estimate: coverage, overestimation", name, ">= 95 %, <= 10", shown, good)
    for row in rows:
        if row["part"] == "warm start":
            shown = f"{row['reduced']:.2f} (zero {row['cold']:.2f}, nearest snapshot {row['nearest']:.2f})"
            target = "<= 2.5" if row["problem"] == NONLINEAR else ""
            add("Newton iterations", row["problem"], target, shown, row["reduced"] <= 2.5 if target else None)
        if row["part"] == "selection":
            ratio = row["solve_and_angles"] / row["classifier"]
            add(
                "times faster by classifier than by solve and angles",
                row["problem"],
                ">= 60",
                f"{ratio:.0f}",
                ratio >= 60,
            )
            add(
                "times faster by classifier than by angles alone",
                row["problem"],
                "",
                f"{row['angles'] / row['classifier']:.1f}",
            )
    blocks = [row for row in rows if row["part"] == "thermal block"]
    for size in dict.fromkeys(row["size"] for row in blocks):
        pair = {row["model"]: row for row in blocks if row["size"] == size}
        if "pymor" in pair:
            ours, theirs, greedy = pair["ritz"], pair["pymor"], pair["pymor, greedy"]
            case = f"thermal block, {size} modes"
            shown = f"{ours['mean'] / greedy['mean']:.2f}; {greedy['offline']:.2g} s, its solves included"
            add("error / that of pyMOR's greedy algorithm; its offline time", case, "", shown)
            ratio = ours["mean"] / theirs["mean"]
            add("error / pyMOR's", case, "<= 1.05", f"{ratio:.2f} ({ours['mean']:.1e})", ratio <= 1.05)
            for what in ("offline", "seconds"):
                ratio = theirs[what] / ours[what]
                add(
                    f"times faster than pyMOR, {'online' if what == 'seconds' else what}",
                    case,
                    ">= 1",
                    f"{ratio:.1f}",
                    ratio >= 1,
                )
    return table


def plot(rows: list[dict[str, Any]]) -> Figure:
    """Plot error against online time for every model and the full solve."""
    names = list(dict.fromkeys(row["problem"] for row in rows if row["part"] == "models"))
    figure = Figure(figsize=(3.6 * min(3, len(names)), 3.1 * -(-len(names) // 3)), layout="constrained")
    panels = figure.subplots(-(-len(names) // 3), min(3, len(names)), squeeze=False).ravel()
    for panel, name in zip(panels, names, strict=False):
        mine = [row for row in rows if row["part"] == "models" and row["problem"] == name]
        whole = [row for row in mine if row["model"].startswith("global")]
        local = {row["model"]: row for row in mine if not row["model"].startswith("global")}
        panel.loglog([1e3 * r["seconds"] for r in whole], [r["mean"] for r in whole], "o-", color="0.5", label="global")
        for number, (label, row) in enumerate(local.items()):
            panel.loglog(1e3 * row["seconds"], row["mean"], "s^D"[number], color=f"C{number}", label=label)
        panel.axvline(1e3 * mine[0]["full_seconds"], color="k", linestyle=":", label="full solve")
        panel.set(title=name, xlabel="ms per query", ylabel="mean relative error")
        panel.xaxis.set_minor_formatter(NullFormatter())
        panel.yaxis.set_minor_formatter(NullFormatter())
        panel.grid(alpha=0.3)
    panels[0].legend(fontsize=7)
    for panel in panels[len(names) :]:
        panel.set_axis_off()
    return figure


SUITE = Suite(
    "reduced-basis",
    "How accurate and how fast are reduced models, and how good are their error estimates?",
    run,
    summary,
    plot,
)
