"""Second-order methods: inverse curvature, optimisers, quantisation, stability, alignment and learning rates."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from statistics import geometric_mean, median
from typing import Any

from matplotlib.figure import Figure
from rich.table import Table

from benchmarks.harness import Suite
from ritz.comparing.environment import environment, pinned_threads
from ritz.figures.multigrid.learned_preconditioner import (
    apply_stencil,
    iterations,
    preconditioner,
    residual_loss,
    residuals,
)
from ritz.figures.training.dynamical_stability import gradient_descent
from ritz.figures.training.inverse_curvature import errors, inverse_times
from ritz.figures.training.quantisation_front import compute as quantisation
from ritz.figures.training.second_order_training import METHODS
from ritz.figures.training.training_tasks import TASKS, train

SECONDS = 5.0


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure everything on one thread."""
    import torch

    parts = (_inverses, _training, _quantisation, _alignment, _held_out, _stability, _rates)
    with pinned_threads(1):  # torch is imported above because its threads are pinned as well
        torch.manual_seed(0)
        known = environment(threads=1, seed=0)
        return [{"suite": "curvature", **row, "environment": known} for part in parts for row in part(quick)]


def _row(kind: str, case: str, value: float, target: float | None = None, most: bool = True) -> dict[str, Any]:
    """Return a row with a measured value and its target, an upper bound if `most` and a lower bound otherwise."""
    return {"kind": kind, "case": case, "value": float(value), "target": target, "most": most}


def _inverses(quick: bool) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for size, window in ((10_000, 16),) if quick else ((100_000, 128), (500_000, 128)):
        times = inverse_times(size, window, 2 if quick else 7)
        case = f"d = {size:,}, m = {window}, float32"
        found += [
            _row("product / two passes", case, times["product"] / times["two passes"], 1.1),
            _row("set-up of the recursion / Woodbury's", case, times["recursion"] / times["set-up"], 8.0, False),
            _row("product / one of 16", case, times["product"] / times["of 16, each"], 2.5, False),
            _row("passes for update and product", case, 2.0 * times["update and product"] / times["two passes"], 2.2),
        ]
    for dtype in ("float64", "float32"):
        for damping in (1e-1, 1e-3, 1e-5):
            for of, gradient in (("a random vector", False), ("a gradient", True)):
                by_kind = errors(200 if quick else 1500, 64, damping, dtype, gradient)
                case = f"product with {of}, λ = {damping:g}, {dtype}, largest of {', '.join(by_kind)}"
                limit = 1e-9 if dtype == "float64" and not gradient else None
                found.append(_row("error against a refined dense solve", case, max(by_kind.values()), limit))
    return found


def _training(quick: bool) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    seconds = 0.1 if quick else SECONDS
    for name, make in TASKS.items():
        seeds = range(1, 4) if name == "PINN" and not quick else (1,)
        reached: dict[str, float] = {}
        for method, choices in METHODS.items():
            if make(1).residual is None and method in ("l-bfgs", "levenberg-marquardt"):
                continue
            means = [
                geometric_mean([float(train(make(seed), method, options, seconds)[1][-1]) for seed in seeds])
                for options in (choices[:1] if quick else choices)
            ]
            reached[method] = min(means)
            case = f"{name}, {method}, {len(seeds)} seeds, best of {len(choices)} settings"
            found.append(_row(f"error after {seconds:g} s", case, reached[method]))
        if name == "PINN":
            best = reached["levenberg-marquardt"]
            found.append(_row("error / Levenberg-Marquardt's", "PINN, l-bfgs", reached["l-bfgs"] / best, 5.0, False))
            found.append(_row("error / Levenberg-Marquardt's", "PINN, adam", reached["adam"] / best, 100.0, False))
    return found


def _quantisation(quick: bool) -> list[dict[str, Any]]:
    from scipy.stats import spearmanr

    data = quantisation(quick)
    predicted, true = data["layers"].T
    mixed = {row[0]: row for row in data["mixed"]}
    uniform = {row[0]: row for row in data["uniform"]}
    under = mixed[max(bits for bits in mixed if bits <= 3.0)]
    rank: Any = spearmanr(predicted, true)
    return [
        _row("rank correlation of loss and prediction", f"{len(true)} layers and bits", rank.statistic, 0.95, False),
        _row(
            "iterations / those with uniform bits",
            f"{under[0]:.2f} bits mixed, 3 uniform",
            under[4] / uniform[3.0][4],
            0.75,
        ),
        *(_row("increase of the loss", f"{row[0]:.2f} bits mixed, integers", row[3]) for row in data["mixed"]),
        *(_row("increase of the loss", f"{row[0]:g} bits uniform, integers", row[3]) for row in data["uniform"]),
        *(_row("iterations", f"{row[0]:.2f} bits mixed, integers", row[4]) for row in data["mixed"]),
        *(_row("iterations", f"{row[0]:g} bits uniform, integers", row[4]) for row in data["uniform"]),
        _row("iterations", "float32", data["float"]),
        _row("iterations", "without preconditioner", data["none"]),
    ]


def _alignment(quick: bool) -> list[dict[str, Any]]:
    """Return the time and error of Hutchinson's diagonal against the closed form, for a linear head."""
    import torch

    from ritz.solvers.training.alignment import diagonal_by_probes, linear_head_diagonal

    torch.manual_seed(0)
    features, labels = torch.randn(256, 64), torch.randint(10, (256,))
    head = torch.nn.Linear(64, 10, bias=False)

    def probed(count: int) -> Any:
        loss = torch.nn.functional.cross_entropy(head(features), labels)
        (gradient,) = torch.autograd.grad(loss, [head.weight], create_graph=True)
        return diagonal_by_probes(gradient.reshape(-1), [head.weight], count)

    def closed() -> Any:
        return linear_head_diagonal(features, head(features))

    exact = closed().detach().reshape(-1)
    probes = 20 if quick else 300
    slow, fast = _seconds(lambda: probed(probes), 3), _seconds(closed, 50)
    error = float((probed(probes).detach() - exact).norm() / exact.norm())
    return [
        _row(
            "time of probes / closed form's",
            f"{probes} probes, 640 weights",
            slow / fast,
            100.0,
            False,
        ),
        _row("error of the probes", f"{probes} probes", error),
    ]


def _seconds(call: Callable[[], Any], repeat: int) -> float:
    times: list[float] = []
    for _ in range(repeat + 1):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return median(times[1:])


def _geometry(kind: str, size: int) -> Any:
    """Return a mask, shape (size, size), zero in obstacles."""
    import torch

    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    solid = {
        "open": x < 0,
        "disc": (x - 0.3 * size) ** 2 + (y - 0.6 * size) ** 2 < (0.15 * size) ** 2,
        "bar": (abs(y - size // 2) < 1) & (x > size // 4),
        "bars": (x % 8 == 3) & (y > size // 3),
        "blocks": (x % 8 < 3) & (y % 8 < 3),
    }[kind]
    return (~solid).float()


def _held_out(quick: bool) -> list[dict[str, Any]]:
    """Return iterations on seen and unseen geometries with networks trained with and without alignment."""
    import torch

    from ritz.solvers.training import hessian_alignment

    size, steps = 24, 3 if quick else 250
    seen = [_geometry(kind, size) for kind in ("open", "disc", "bar")]
    data = [residuals(64, size, seed, mask) for seed, mask in enumerate(seen)]
    found: list[dict[str, Any]] = []
    for weight in (0.0, 1.0) if quick else (0.0, 0.1, 1.0):
        model = preconditioner(0)
        last: Any = list(model.children())[-1]
        optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
        for step in range(steps):
            rows = torch.arange(step * 4, (step + 1) * 4) * 37 % 64
            losses = [
                (own[rows] - apply_stencil(model(own[rows]), mask)).square().mean()
                for own, mask in zip(data, seen, strict=True)
            ]
            total = torch.stack(losses).mean()
            if weight:
                total = total + weight * hessian_alignment(losses, [last.weight])
            optimiser.zero_grad()
            total.backward()
            optimiser.step()
        for kind in ("bar", "blocks") if quick else ("open", "bar", "bars", "blocks"):
            mask = _geometry(kind, size)
            known = "seen" if kind in ("open", "bar") else "unseen"
            count = iterations(model, size, 1 if quick else 3, mask)
            found.append(_row("iterations", f"{kind} ({known}), alignment {weight:g}", count))
    return found


def _stability(quick: bool) -> list[dict[str, Any]]:
    rates = (0.02, 0.05) if quick else (0.01, 0.02, 0.03, 0.04, 0.05, 0.06)
    single = [gradient_descent(rate, 1, 40_000, seed) for rate in rates for seed in range(1 if quick else 3)]
    whole = {rate: gradient_descent(rate, None, 20_000) for rate in (*rates, 0.08, 0.1, 0.12)}
    met = [run for run in single if run.converged]
    by_rate = [rate for rate in rates for _ in range(1 if quick else 3)]
    traces = [run.trace * rate / 2.0 for rate, run in zip(by_rate, single, strict=True) if run.converged]
    tops = [run.largest * rate / 2.0 for rate, run in whole.items() if run.converged]
    loose = [run.trace * rate / 2.0 for rate, run in whole.items() if run.converged]
    return [
        _row("largest trace / (2/η)", f"{len(met)} minima found with single samples", max(traces), 1.0),
        _row("largest eigenvalue / (2/η)", f"{len(tops)} minima found with all samples", max(tops), 1.0),
        _row("largest trace / (2/η)", f"{len(tops)} minima found with all samples", max(loose)),
    ]


def _rates(quick: bool) -> list[dict[str, Any]]:
    """Return losses reached with the learning rate from the spectrum, relative to the best of a grid of rates."""
    import torch

    from ritz.solvers.training import learning_rate

    data, steps = residuals(64, 8 if quick else 24, 0), 3 if quick else 200
    found: list[dict[str, Any]] = []
    for name, kind, grid in (
        ("adam", torch.optim.Adam, (1e-3, 3e-3, 1e-2, 3e-2)),
        ("sgd", torch.optim.SGD, (0.03, 0.1, 0.3, 1.0)),
    ):
        advice = learning_rate(residual_loss, preconditioner(0), list(data.split(8)), name)
        reached: dict[float, float] = {}
        for rate in (advice.value, *grid):
            model = preconditioner(0)
            optimiser: Any = kind(model.parameters(), lr=rate)
            for step in range(steps):
                optimiser.zero_grad()
                residual_loss(model, data[(8 * step) % 64 :][:8]).backward()
                optimiser.step()
            with torch.no_grad():
                reached[rate] = float(residual_loss(model, data))
        best = min(grid, key=lambda rate: reached[rate])
        case = f"{name}: {advice.value:.2g} recommended, {best:g} best of {len(grid)}"
        found.append(_row("loss / the best rate's", case, reached[advice.value] / reached[best]))
    return found


def summary(rows: list[dict[str, Any]]) -> Table:
    """Return one row per measurement, with its target if there is one."""
    table = Table("measure", "case", "target", "measured")
    for row in rows:
        target, value = row["target"], math.nan if row["value"] is None else row["value"]
        wanted = "" if target is None else f"{'<=' if row['most'] else '>='} {target:g}"
        met = target is None or (value <= target if row["most"] else value >= target)
        table.add_row(row["kind"], row["case"], wanted, f"{value:.3g}" if met else f"[red]{value:.3g}[/]")
    return table


def plot(rows: list[dict[str, Any]]) -> Figure:
    """Plot the errors of the optimisers at equal time as bars."""
    shown = [row for row in rows if row["kind"].startswith("error after")]
    figure = Figure(figsize=(7.6, 0.3 * len(shown) + 1.2), layout="constrained")
    panel = figure.subplots()
    names = [", ".join(row["case"].split(", ")[:2]) for row in shown]
    colours = [f"C{list(TASKS).index(name.split(', ')[0])}" for name in names]
    panel.barh(names, [row["value"] for row in shown], color=colours, height=0.7)
    panel.set(xscale="log", xlabel=shown[0]["kind"])
    panel.invert_yaxis()
    return figure


SUITE = Suite("curvature", "Do second-order methods meet their targets of cost and accuracy?", run, summary, plot)
