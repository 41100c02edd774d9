"""Table of errors and times of Gaussian processes, collocation and networks on high-frequency solutions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ritz.plotting.style import INK, ritz_style
from ritz.problems import gp_hm

from ..registered_figure import figure
from .cases import CASES, PUBLISHED, SOLVERS, measure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["compute", "plot"]

SECONDS = 5.0  # training time of each network
QUICK_CASES, QUICK_SOLVERS = (0, 4, 5, 10, 18), ("gp", "chebyshev", "finite-difference", "rff-pinn")


def compute(quick: bool = False) -> dict[str, Any]:
    """Return errors and seconds by case and solver.

    All solvers use the same nodes, which are those of the paper for the cases taken from it. Networks train for five
    seconds at random points, and random Fourier features get the highest frequency as a scale.

    Parameters
    ----------
    quick : bool
        Use few cases and solvers, coarse grids in two dimensions, and a tenth of a second for each network.

    Returns
    -------
    dict
        ``"cases"``, ``"nodes"`` and ``"solvers"``: labels; ``"published"``: number of cases from the paper;
        ``"errors"`` and ``"seconds"``: arrays with one row per case, NaN if a solver does not take the case or its
        matrix does not fit into memory.
    """
    numbers = QUICK_CASES if quick else range(len(CASES))
    setups = [setup for setup in SOLVERS if not quick or setup.label in QUICK_SOLVERS]
    errors, seconds = (np.full((len(numbers), len(setups)), np.nan) for _ in range(2))
    nodes: list[str] = []
    for row, number in enumerate(numbers):
        case, problem = CASES[number], CASES[number].build()
        shape = gp_hm.GRIDS[problem.name]
        if quick and len(shape) > 1:
            shape = tuple(count // 2 for count in shape)
        nodes.append(str(max(shape)) + (f"$^{len(shape)}$" if len(shape) > 1 else ""))
        for column, setup in enumerate(setups):
            errors[row, column], seconds[row, column] = measure(
                setup, problem, shape, seconds=0.1 if quick else SECONDS, frequency=case.frequency
            )
    return {
        "cases": [CASES[number].label for number in numbers],
        "published": sum(number < PUBLISHED for number in numbers),
        "nodes": nodes,
        "solvers": [setup.label for setup in setups],
        "errors": errors,
        "seconds": seconds,
    }


def plot(data: dict[str, Any]) -> Figure:
    """Return the table: relative errors, the smallest of each row in bold, and seconds below them."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    rows, columns = data["errors"].shape
    first, wide = 3.6, 1.0
    shades = colormaps["viridis"]
    with ritz_style():
        canvas = Figure(figsize=(0.92 * (first + 0.7 + wide * columns), 0.36 * (rows + 2.4)), layout="constrained")
        axes = canvas.subplots()
        axes.set(xlim=(0, first + 0.7 + wide * columns), ylim=(rows + 0.35, -1.35))
        axes.axis("off")
        axes.scatter([0], [0], s=0)  # marks the axes as holding data
        axes.text(0, -0.55, "equation: solution", weight="bold", va="center")
        axes.text(first + 0.55, -0.55, "nodes", weight="bold", ha="right", va="center")
        for column, name in enumerate(data["solvers"]):
            place = first + 0.7 + wide * (column + 0.5)
            axes.text(
                place,
                -0.55,
                name.replace("-difference", "\ndifference"),
                weight="bold",
                ha="center",
                va="center",
                fontsize=8.5,
            )
        for row in range(rows):
            axes.text(0, row + 0.5, data["cases"][row], va="center", fontsize=8.5)
            axes.text(first + 0.55, row + 0.5, data["nodes"][row], ha="right", va="center", fontsize=8.5)
            best = np.nanmin(data["errors"][row])
            for column in range(columns):
                error, seconds = data["errors"][row, column], data["seconds"][row, column]
                left = first + 0.7 + wide * column
                if not np.isfinite(error):
                    axes.text(left + 0.5 * wide, row + 0.5, "–", ha="center", va="center", color="#999999")
                    continue
                share = float(np.clip((np.log10(error) + 14.0) / 14.0, 0.0, 1.0))
                axes.add_patch(
                    Rectangle(
                        (left + 0.03, row + 0.04),
                        wide - 0.06,
                        0.92,
                        color=shades(1 - 0.85 * share),
                        alpha=0.35,
                        linewidth=0,
                    )
                )
                weight = "bold" if error <= 1.5 * best else "normal"
                axes.text(
                    left + 0.5 * wide,
                    row + 0.36,
                    _short(error),
                    ha="center",
                    va="center",
                    fontsize=8.5,
                    weight=weight,
                )
                axes.text(
                    left + 0.5 * wide, row + 0.76, f"{seconds:.2g} s", ha="center", va="center", fontsize=6, color=INK
                )
        lines = [0, rows] + ([data["published"]] if 0 < data["published"] < rows else [])
        for line in lines:
            axes.plot([0, first + 0.7 + wide * columns], [line, line], color="#888888", linewidth=0.8)
        canvas.suptitle(
            "Relative error between the nodes, and seconds; the cases of the paper come first",
            fontsize=9,
        )
    return canvas


def _short(error: float) -> str:
    """Return an error with one digit, in scientific notation unless it is of the order of one."""
    return f"{error:.1g}" if 0.1 <= error < 100 else f"{error:.0e}".replace("e-0", "e-").replace("e+0", "e+")


figure("gp-tables", compute, plot)
