"""High-frequency solutions found by a Gaussian process, finite differences and a network."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

import ritz
from ritz.plotting.style import COLOURS, INK, ritz_style
from ritz.problems import gp_hm

from ..registered_figure import figure
from .cases import unknowns

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["CASES", "compute", "plot"]

Data: TypeAlias = dict[str, dict[str, Any]]

CASES = {  # label, highest frequency (a scale of random Fourier features), and a window a few waves wide
    "x2_add_sinx": ("sin 500x - 2 (x - 1/2)$^2$", 500.0, (0.46, 0.52)),
    "x_time_sinx": ("x sin 200x", 200.0, (3.0, 3.16)),
    "sin_cos": ("sin 6x cos 100x", 100.0, (1.4, 1.9)),
}
SECONDS = 30.0  # training time


def compute(quick: bool = False) -> Data:
    """Return exact values and those of each solver on a fine grid over the whole interval, by case.

    Parameters
    ----------
    quick : bool
        Train for a tenth of a second.
    """
    return {case: _values(case, scale, 0.1 if quick else SECONDS) for case, (_, scale, _) in CASES.items()}


def _values(case: str, scale: float, seconds: float) -> dict[str, Any]:
    problem = gp_hm.poisson_1d(case)
    shape = gp_hm.GRIDS[problem.name]
    x = np.linspace(problem.domain[0][0], problem.domain[0][1], 6001)
    assert problem.exact is not None
    solvers: dict[str, dict[str, Any]] = {
        "gp": {"shape": shape},
        "finite-difference": {"shape": unknowns(problem, shape)},
        "rff-pinn": {"scales": (1.0, scale), "seconds": seconds, "maxiter": 10**6},
    }
    found: dict[str, Any] = {"x": x, "exact": problem.exact(x), "nodes": shape[0]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, options in solvers.items():
            solution: Any = ritz.solve(problem, name, throw=False, **options)
            found[name] = np.asarray(solution.interpolate(x))
    return found


def plot(data: Data) -> Figure:
    """Return the figure: the solutions in a window on the left, errors over the whole interval on the right."""
    from matplotlib.figure import Figure

    looks: dict[str, dict[str, Any]] = {
        "gp": {"color": COLOURS[0], "linewidth": 1.4},
        "finite-difference": {"color": COLOURS[1], "linewidth": 1.2, "linestyle": "--"},
        "rff-pinn": {"color": COLOURS[3], "linewidth": 1.2, "linestyle": "-."},
    }
    with ritz_style():
        canvas = Figure(figsize=(9.2, 2.3 * len(data) + 0.5), layout="constrained")
        panels = canvas.subplots(len(data), 2, squeeze=False)
        for (left, right), (case, found) in zip(panels, data.items(), strict=True):
            label, _, (start, stop) = CASES[case]
            x = found["x"]
            inside = (x >= start) & (x <= stop)
            left.plot(x[inside], found["exact"][inside], color="#c4c8cf", linewidth=5, label="exact")
            for name, look in looks.items():
                left.plot(x[inside], found[name][inside], label=name, **look)
                blocks = np.array_split(np.abs(found[name] - found["exact"]), 200)
                right.semilogy(
                    [np.mean(part) for part in np.array_split(x, 200)], [part.max() for part in blocks], **look
                )
            scale = np.abs(found["exact"]).max()
            left.set(title=f"{label}, {found['nodes']} nodes", xlim=(start, stop), ylim=(-1.6 * scale, 1.6 * scale))
            right.set(title="largest local error", xlim=(x[0], x[-1]))
        panels[-1][0].set(xlabel="x")
        panels[-1][1].set(xlabel="x")
        handles, labels = panels[0][0].get_legend_handles_labels()
        canvas.legend(handles, labels, loc="outside lower center", ncols=4, labelcolor=INK)
    return canvas


figure("gp-predictions", compute, plot)
