"""Error of sketched least squares against the sketch size, with the theory for Gaussian sketches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

import ritz
from ritz.plotting.style import COLOURS, INK, ritz_style

from ..registered_figure import figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["KINDS", "compute", "plot"]

Data: TypeAlias = dict[str, np.ndarray]

KINDS = ("gaussian", "rademacher", "srht", "block-srht", "sparse-sign", "count-sketch")


def compute(quick: bool = False) -> Data:
    r"""Return the root mean square of :math:`\|A(x'-x^*)\|/\|r\|`, by kind of sketch.

    Parameters
    ----------
    quick : bool
        Use a small problem and few trials.

    Returns
    -------
    dict
        ``"sizes"``, ``"theory"`` :math:`\sqrt{d/(s-d-1)}`, which is exact for Gaussian sketches, and one array per
        kind.
    """
    from ritz.solvers.regression.sketches.sketch_kinds import make_sketch

    rows, columns, trials = (1000, 10, 3) if quick else (2**13, 32, 8)
    problem = ritz.problems.regression(rows, columns, condition=10.0, noise=1.0)
    least = np.linalg.norm(problem.A @ problem.exact - problem.b)
    sizes = columns * np.array((4, 8, 16) if quick else (2, 4, 8, 16, 32, 64))

    def error(kind: str, size: int, seed: int) -> float:
        sketch = make_sketch(kind, size, rows, seed)
        x = np.linalg.lstsq(sketch @ problem.A, sketch @ problem.b, rcond=None)[0]
        return float(np.linalg.norm(problem.A @ (x - problem.exact)) / least)

    data: Data = {"sizes": sizes, "theory": np.sqrt(columns / (sizes - columns - 1))}
    for kind in KINDS:
        squares = [[error(kind, size, seed) ** 2 for seed in range(trials)] for size in sizes]
        data[kind] = np.sqrt(np.mean(squares, axis=1))
    return data


def plot(data: Data) -> Figure:
    """Return the figure."""
    from matplotlib.figure import Figure

    with ritz_style():
        canvas = Figure(figsize=(5.6, 4.2), layout="constrained")
        panel = canvas.subplots()
        theory = r"$\sqrt{d/(s-d-1)}$"
        panel.loglog(data["sizes"], data["theory"], color=INK, linestyle="--", linewidth=1, label=theory)
        for number, kind in enumerate(KINDS):
            look: Any = {"color": COLOURS[number], "marker": "osD^vP"[number], "linestyle": ""}
            panel.loglog(data["sizes"] * 1.03 ** (number - 2.5), data[kind], label=kind, **look)
        panel.set_xticks(data["sizes"], [str(size) for size in data["sizes"]])
        panel.minorticks_off()
        panel.set(xlabel="rows s of the sketch", ylabel=r"$\|A(x'-x^*)\|\;/\;\|r\|$")
        panel.legend()
    return canvas


figure("sketch-error", compute, plot)
