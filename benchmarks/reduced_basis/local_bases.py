"""Projection errors of local bases on steady problems, as predicted by the criterion and as measured."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from benchmarks.harness import Suite
from ritz import ParametricPDE, Snapshots
from ritz.comparing.environment import environment, pinned_threads
from ritz.registry import problems
from ritz.solvers.reduced_basis.clusters.cluster_analysis import BASELINES, CANDIDATES
from ritz.solvers.reduced_basis.clusters.efficiency_criterion import Efficiency, efficiency

SIZES, CLUSTERS = (5, 10, 15, 20), (4, 8, 16, 32)
TRAINING, TEST = 300, 200  # numbers of parameters
KEEP = 15  # states kept per trajectory
CACHE = Path("output/benchmarks/snapshots")
SIMPLE = ("global basis", "k-means", "euclidean", "sine")
Cases = Mapping[str, Mapping[str, Any]]
STEADY: Cases = {
    "two-materials": {"shape": (48, 48)},
    "thermal-block": {"shape": (47, 47)},
    "moving-reaction": {"shape": (60, 60)},
    "rotating-wind": {"shape": (47, 47)},
    "helmholtz-lens": {"shape": (60, 60)},
    "perforated-plate": {},
    "lid-driven-cavity": {"shape": (39, 39)},
}
QUICK: Cases = {"two-materials": {"shape": (16, 16)}}


def snapshots(problem: ParametricPDE, training: int, test: int) -> tuple[Snapshots, Snapshots]:
    """Return training and test snapshots at points of one Halton sequence, cached on disk."""
    found = problem.snapshots(problem.sample(training + test), keep=KEEP, cache=CACHE, progress=True)
    first = found.groups < training
    return found.select(first), found.select(~first)


def run(quick: bool, suite: str, cases: Cases, counts: tuple[int, int] = (TRAINING, TEST)) -> list[dict[str, Any]]:
    """Return one row per problem and setting, with the prediction from training snapshots and the true value."""
    rows: list[dict[str, Any]] = []
    console = Console(stderr=True)
    options: dict[str, Any] = {"clusters": CLUSTERS, "sizes": SIZES, "analyses": CANDIDATES + BASELINES}
    if quick:
        options = {"clusters": (4,), "sizes": (5, 10), "analyses": (CANDIDATES[0], *BASELINES)}
    facts = environment(threads=1)
    with pinned_threads(1):
        for name, arguments in cases.items():
            began = time.perf_counter()
            known, unknown = snapshots(problems[name](**arguments), *counts)
            made = time.perf_counter() - began
            predicted = efficiency(known, **options)
            estimated = time.perf_counter() - began - made
            measured = efficiency(known, unknown, **options)
            console.print(f"{suite}: {name}, {made:.0f} s for snapshots, {estimated:.0f} s for the criterion")
            seconds = {"snapshots": made, "criterion": estimated}
            rows += _rows(
                predicted, measured, {"suite": suite, "problem": name, "unknowns": known.size}, seconds, facts
            )
    return rows


def _rows(
    predicted: Efficiency, measured: Efficiency, common: dict[str, Any], seconds: dict[str, float], facts: Any
) -> Iterable[dict[str, Any]]:
    recommended = {id(predicted.best(size)) for size in predicted.sizes}
    for before, after in zip(predicted.estimates, measured.estimates, strict=True):
        row = {
            **common,
            "analysis": str(before.analysis or "global basis"),
            "clusters": before.clusters,
            "size": before.size,
            "recommended": id(before) in recommended,
        }
        for name, estimate in (("predicted", before), ("measured", after)):
            row[name] = {key: float(f"{getattr(estimate, key):.4g}") for key in ("error", "first", "oracle", "gain")}
        if before.clusters == 1:
            row |= {"seconds": seconds, "environment": facts}
        yield row


def verdicts(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the measured errors of the recommended, the simple and the best settings, by problem and basis size."""
    found: list[dict[str, Any]] = []
    for problem, size in dict.fromkeys((row["problem"], row["size"]) for row in rows):
        here = [row for row in rows if (row["problem"], row["size"]) == (problem, size)]
        [chosen] = [row for row in here if row["recommended"]]
        simple = {
            name: min(row["measured"]["error"] for row in here if row["analysis"] == name)
            for name in SIMPLE
            if any(row["analysis"] == name for row in here)
        }
        best = min(here, key=lambda row: row["measured"]["error"])
        found.append({"problem": problem, "size": size, "chosen": chosen, "simple": simple, "best": best})
    return found


def rank_correlation(rows: list[dict[str, Any]]) -> float:
    """Return Spearman's correlation of predicted and measured gains over all settings with several clusters."""
    from scipy.stats import spearmanr

    pairs = np.array([(row["predicted"]["gain"], row["measured"]["gain"]) for row in rows if row["clusters"] > 1])
    return float(spearmanr(pairs[:, 0], pairs[:, 1]).statistic)


def summary(rows: list[dict[str, Any]]) -> Table:
    """Return errors; the recommended setting is to be within 5 % of the best and 2 % of the best simple one."""
    table = Table("problem", "modes", "global", "best simple", "recommended", "K", "error", "/ best", "/ simple")
    for found in verdicts(rows):
        chosen, simple = found["chosen"], found["simple"]
        error, name = chosen["measured"]["error"], min(simple, key=lambda name: simple[name])
        table.add_row(
            *(found["problem"], str(found["size"]), f"{simple['global basis']:.2e}", f"{simple[name]:.2e} {name}"),
            *(chosen["analysis"], str(chosen["clusters"]), f"{error:.2e}"),
            *(_marked(error / found["best"]["measured"]["error"], 1.05), _marked(error / simple[name], 1.02)),
        )
    correlation = rank_correlation(rows)
    text = f"{correlation:.3f}" if correlation >= 0.85 else f"[red]{correlation:.3f}[/]"
    table.add_row("all", "", "", "", "Spearman of predicted and measured gains", "", text)
    case = [row for row in rows if row["problem"] == "two-materials" and row["clusters"] == 8]
    for size in sorted({row["size"] for row in case}):
        here = {row["analysis"]: row["measured"] for row in case if row["size"] == size}
        sine, other = here["sine"], min((here["k-means"], here["euclidean"]), key=lambda entry: entry["first"])
        table.add_row(
            *("two-materials", str(size), "", f"{other['first']:.2e}", "sine, likeliest basis", "8"),
            *(f"{sine['first']:.2e}", f"{_marked(sine['first'] / sine['oracle'], 1.15)} of oracle"),
            _marked(sine["first"] / other["first"], 0.5),
        )
    return table


def _marked(ratio: float, limit: float) -> str:
    """Return the ratio as text, in red above the limit."""
    return f"{ratio:.2f}" if ratio <= limit else f"[red]{ratio:.2f}[/]"


def plot(rows: list[dict[str, Any]]) -> Figure:
    """Plot measured against predicted gains, and the errors of simple and recommended settings against the best."""
    figure = Figure(figsize=(12.0, 4.6), layout="constrained")
    gains, errors = figure.subplots(1, 2, width_ratios=(1.0, 1.5))
    names = list(dict.fromkeys(row["problem"] for row in rows))
    for number, name in enumerate(names):
        mine = [row for row in rows if row["problem"] == name and row["clusters"] > 1]
        x, y = ([row[key]["gain"] for row in mine] for key in ("predicted", "measured"))
        gains.plot(x, y, linestyle="", marker="os^Dvx*P<>"[number % 10], markersize=3.5, label=name, alpha=0.6)
    ends = [min(gains.get_xlim()[0], 0.5), max(gains.get_xlim()[1], 2.0)]
    gains.plot(ends, ends, color="0.5", linewidth=0.8)
    gains.set(xscale="log", yscale="log", xlabel="predicted gain over the global basis", ylabel="measured gain")
    gains.legend(fontsize=7)
    found = [entry for entry in verdicts(rows) if entry["size"] == max(row["size"] for row in rows)]
    bars = [*SIMPLE, "recommended"]
    for number, name in enumerate(bars):
        heights = [
            (entry["chosen"]["measured"]["error"] if name == "recommended" else entry["simple"].get(name, np.nan))
            / entry["best"]["measured"]["error"]
            for entry in found
        ]
        errors.bar(np.arange(len(found)) + 0.16 * (number - 2), heights, width=0.15, label=name, color=f"C{number}")
    errors.axhline(1.0, color="0.4", linewidth=0.8)
    errors.set(yscale="log", ylabel=f"error with {found[0]['size']} modes / that of the best setting")
    errors.set_xticks(range(len(found)), [entry["problem"].replace("-", "\n") for entry in found], fontsize=8)
    errors.legend(fontsize=7)
    return figure


def _run(quick: bool) -> list[dict[str, Any]]:
    return run(True, SUITE.name, QUICK, (60, 40)) if quick else run(False, SUITE.name, STEADY)


SUITE = Suite("local-bases", "What do local bases gain, and does the criterion predict it?", _run, summary, plot)
