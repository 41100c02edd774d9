"""Error of three trace estimators against the number of products, for a trained network and a Poisson stencil."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ritz.operators import Dense, Hessian, Stencil, Tag
from ritz.plotting.style import COLOURS, INK, ritz_style
from ritz.solvers.spectrum import trace

from ..registered_figure import figure
from ..training.trained_networks import trained_network
from .spectral_density import poisson_eigenvalues

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["METHODS", "compute", "plot", "trace_errors"]

Data: TypeAlias = dict[str, Any]

METHODS = ("hutchinson", "hutch++", "xtrace")


def trace_errors(A: Any, exact: float, method: str, budgets: Any, trials: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the root mean squares of true and of estimated errors, relative to the trace, for each budget."""
    true: list[float] = []
    claimed: list[float] = []
    for budget in budgets:
        found = [trace(A, int(budget), method, seed=seed) for seed in range(trials)]
        true.append(float(np.sqrt(np.mean([(each.value - exact) ** 2 for each in found]))) / abs(exact))
        claimed.append(float(np.sqrt(np.mean([each.standard_error**2 for each in found]))) / abs(exact))
    return np.array(true), np.array(claimed)


def compute(quick: bool = False) -> Data:
    """Return the root mean square error and standard error by operator and method, with the budgets.

    Parameters
    ----------
    quick : bool
        Use few trials and a barely trained network.
    """
    trials, shape = (12, (16, 16)) if quick else (40, (64, 64))
    budgets = np.array((12, 24, 48) if quick else (12, 18, 24, 36, 48, 72, 96))
    matrix = Hessian(*trained_network("mlp", steps=20 if quick else 200)).to_dense()
    network = Dense(0.5 * (matrix + matrix.T), tags={Tag.SYMMETRIC})  # has the products of the Hessian
    stencil = Stencil(shape, boundary="dirichlet", centering="vertex")
    cases = {
        "Hessian of a network": (network, float(np.trace(matrix))),
        "Poisson stencil": (stencil, float(poisson_eigenvalues(shape).sum())),
    }
    found: Data = {"budgets": budgets}
    for name, (A, exact) in cases.items():
        found[name] = {method: trace_errors(A, exact, method, budgets, trials) for method in METHODS}
    return found


def plot(data: Data) -> Figure:
    """Return the figure."""
    from matplotlib.figure import Figure

    names = [name for name in data if name != "budgets"]
    with ritz_style():
        canvas = Figure(figsize=(8.4, 3.8), layout="constrained")
        panels = canvas.subplots(1, 2)
        for panel, name in zip(panels, names, strict=True):
            for number, method in enumerate(METHODS):
                true, claimed = data[name][method]
                look: Any = {"color": COLOURS[number], "marker": "osD"[number]}
                panel.loglog(data["budgets"], true, label=method, linewidth=1.4, **look)
                look["markerfacecolor"] = "none"
                panel.loglog(data["budgets"], claimed, linestyle=":", linewidth=1.0, **look)
            panel.set_xticks(data["budgets"], [str(budget) for budget in data["budgets"]])
            panel.minorticks_off()
            low, high = panel.get_ylim()
            leading = (1, 2, 5) if high < 20.0 * low else (1,)
            levels = [digit * 10.0**power for power in range(-9, 2) for digit in leading]
            levels = [level for level in levels if low <= level <= high]
            panel.set_yticks(levels, [f"{level:.0e}" for level in levels])
            panel.set(xlabel="products", ylabel="relative error")
            panel.set_title(name, color=INK)
        panels[1].plot([], [], color=INK, linestyle=":", label="estimated standard error")
        panels[1].legend()
    return canvas


figure("trace-error", compute, plot)
