"""Trace and largest eigenvalue of the Hessian at minima found by gradient descent, against the limit 2/η."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ritz.plotting.style import COLOURS, INK, ritz_style

from ..registered_figure import figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["StabilityRun", "compute", "gradient_descent", "plot"]

Data: TypeAlias = dict[str, Any]

SAMPLES, INPUTS, WIDTH = 10, 8, 60
SCALE = 4.0  # of the initial weights of the last layer, which makes the runs start where the loss is sharp
FITTED = 1e-8  # mean squared error below which the samples count as fitted


@dataclass(frozen=True)
class StabilityRun:
    """Curvature at the end of a run of gradient descent, and on the way there.

    Attributes
    ----------
    converged : bool
        Whether all samples are fitted.
    trace, largest : float
        Trace and largest eigenvalue of the Gauss-Newton matrix at the end, which equals the Hessian if all samples
        are fitted.
    steps : ndarray of int
        Steps at which the curvature was recorded.
    traces, eigenvalues : ndarray
        Trace and largest eigenvalue at these steps.
    """

    converged: bool
    trace: float
    largest: float
    steps: np.ndarray
    traces: np.ndarray
    eigenvalues: np.ndarray


def gradient_descent(rate: float, batch: int | None, steps: int, seed: int = 0, records: int = 40) -> StabilityRun:
    """Fit a network with one hidden tanh layer to a few samples, with full gradients or those of small batches.

    Parameters
    ----------
    rate : float
        Learning rate η for the loss ``mean((f - y)^2) / 2``.
    batch : int or None
        Samples per step; None for all.
    steps : int
        Maximum number of steps.
    seed : int
        Seed of the batches; data and initial weights are the same in all runs.
    records : int
        How many times to record the curvature.
    """
    data = np.random.default_rng(0)
    x = data.standard_normal((SAMPLES, INPUTS))
    y = np.tanh(x @ data.standard_normal(INPUTS))
    first = data.standard_normal((WIDTH, INPUTS)) / INPUTS**0.5
    v = data.standard_normal(WIDTH) / WIDTH**0.5 * SCALE
    draws = np.random.default_rng(seed)
    at = np.unique(np.geomspace(1, steps, records).astype(int))
    traces: list[float] = []
    tops: list[float] = []
    for step in range(1, steps + 1):
        rows = slice(None) if batch is None else draws.integers(0, SAMPLES, batch)
        inputs, count = x[rows], SAMPLES if batch is None else batch
        hidden = np.tanh(inputs @ first.T)
        error = hidden @ v - y[rows]
        if not np.isfinite(error).all() or abs(error).max() > 1e3:
            break
        back = (error[:, None] * v) * (1.0 - hidden**2) / count
        v = v - rate * (hidden.T @ error) / count
        first -= rate * (back.T @ inputs)
        if step in at:
            trace, top, loss = _curvature(x, y, first, v)
            traces.append(trace)
            tops.append(top)
            if loss < FITTED:
                break
    trace, top, loss = _curvature(x, y, first, v)
    return StabilityRun(bool(loss < FITTED), trace, top, at[: len(traces)], np.array(traces), np.array(tops))


def _curvature(x: np.ndarray, y: np.ndarray, first: np.ndarray, v: np.ndarray) -> tuple[float, float, float]:
    """Return the trace and the largest eigenvalue of JᵀJ / n, and the mean squared error."""
    hidden = np.tanh(x @ first.T)
    inner = (v * (1.0 - hidden**2))[:, :, None] * x[:, None, :]
    J = np.concatenate([hidden, inner.reshape(len(x), -1)], axis=1)
    gram = J @ J.T / len(x)
    return float(np.trace(gram)), float(np.linalg.eigvalsh(gram)[-1]), float(np.mean((hidden @ v - y) ** 2))


def compute(quick: bool = False) -> Data:
    """Return runs at several rates, with full gradients (``"all samples"``) and with single samples.

    Parameters
    ----------
    quick : bool
        Use fewer rates.

    Returns
    -------
    dict
        For each kind of descent, a dictionary of `StabilityRun` by rate.
    """
    rates = (0.01, 0.02, 0.04, 0.08, 0.12) if quick else (0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.12)
    return {
        "all samples": {rate: gradient_descent(rate, None, 20_000) for rate in rates},
        "single samples": {rate: gradient_descent(rate, 1, 40_000) for rate in rates},
    }


def plot(data: Data) -> Figure:
    """Return the figure."""
    from matplotlib.figure import Figure

    with ritz_style():
        canvas = Figure(figsize=(8.4, 3.8), layout="constrained")
        panels = canvas.subplots(1, 2)
        for number, (name, runs) in enumerate(data.items()):
            found = {rate: run for rate, run in runs.items() if run.converged}
            rates, colour = list(found), COLOURS[number]
            for label, marker, values in (
                ("trace", "o", [run.trace for run in found.values()]),
                ("largest eigenvalue", "^", [run.largest for run in found.values()]),
            ):
                face = colour if marker == "o" else "none"
                look: Any = {"color": colour, "marker": marker, "markerfacecolor": face, "linewidth": 1.2}
                panels[0].loglog(rates, values, label=f"{name}: {label}", **look)
        rates = np.array(list(next(iter(data.values()))))
        panels[0].loglog(rates, 2.0 / rates, color=INK, linestyle="--", linewidth=1.0)
        panels[0].text(rates[0] * 1.15, 2.0 / rates[0] * 0.98, "2/η", color=INK, va="bottom")
        panels[0].set(xlabel="learning rate η", ylabel="curvature at the minimum")
        panels[0].set_title("At the minima reached", color=INK)
        panels[0].legend(fontsize=7.5)
        both = [rate for rate in rates if all(runs[rate].converged for runs in data.values())]
        for number, (name, runs) in enumerate(data.items()):
            run = runs[both[-1]]
            panels[1].semilogx(run.steps, run.traces, color=COLOURS[number], label=f"{name}: trace")
            look = {"color": COLOURS[number], "linestyle": ":", "label": f"{name}: largest eigenvalue"}
            panels[1].semilogx(run.steps, run.eigenvalues, **look)
        panels[1].axhline(2.0 / both[-1], color=INK, linestyle="--", linewidth=1.0)
        panels[1].text(1.1, 2.0 / both[-1], "2/η", color=INK, va="bottom")
        panels[1].set(xlabel="step", ylabel="curvature", ylim=(0.0, None))
        panels[1].set_title(f"During training, η = {both[-1]:g}", color=INK)
        panels[1].legend(fontsize=7.5)
    return canvas


figure("dynamical-stability", compute, plot)
