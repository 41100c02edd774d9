"""Discretisation errors against the grid spacing and the number of nodes.

Manufactured solutions on the unit square: finite differences of order two and four with every kind of boundary
condition, variable coefficients and mixed derivatives, and Chebyshev and Fourier collocation of the same problems.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

import ritz
from ritz.plotting.style import COLOURS, INK, ritz_style
from ritz.problem_types.pde.discretisation import unknowns_of_cells

from ..registered_figure import figure
from ..slope_triangle import slope_triangle

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["PROBLEMS", "compute", "plot"]

Data: TypeAlias = dict[str, dict[str, np.ndarray]]

PROBLEMS = {
    "diffusion-2d": "Dirichlet, variable coefficients",
    "neumann-anisotropic-2d": "Neumann, mixed derivative",
    "channel-2d": "periodic, Dirichlet and Neumann, advection",
}
MARKERS = ("o", "s", "^")
CELLS, QUICK_CELLS = (8, 16, 32, 64, 128), (8, 16, 32)
NODES, QUICK_NODES = (4, 6, 8, 10, 12, 14, 16, 20, 24, 28), (4, 8, 12)


def compute(quick: bool = False) -> Data:
    """Return relative errors at the unknowns, by problem.

    Parameters
    ----------
    quick : bool
        Use coarse grids only.

    Returns
    -------
    dict
        For each problem, ``"spacing"`` with the errors ``"second-order"`` and ``"fourth-order"``, and ``"nodes"`` with
        the errors ``"chebyshev"``.
    """
    return {name: _errors(name, QUICK_CELLS if quick else CELLS, QUICK_NODES if quick else NODES) for name in PROBLEMS}


def _errors(name: str, cells: tuple[int, ...], nodes: tuple[int, ...]) -> dict[str, np.ndarray]:
    problem = ritz.problems.manufactured(name)

    def error(solver: str, **options: Any) -> float:
        return ritz.solve(problem, solver, **options).error(problem.exact)

    shapes = [unknowns_of_cells(problem.sides, count) for count in cells]
    return {
        "spacing": 1.0 / np.array(cells),
        "second-order": np.array([error("finite-difference", order=2, shape=shape) for shape in shapes]),
        "fourth-order": np.array([error("finite-difference", order=4, shape=shape) for shape in shapes]),
        "nodes": np.array(nodes),
        "chebyshev": np.array([error("chebyshev", shape=count) for count in nodes]),
    }


def plot(data: Data) -> Figure:
    """Return the figure: finite differences on the left, collocation on the right."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    with ritz_style():
        canvas = Figure(figsize=(9.2, 4.2), layout="constrained")
        left, right = canvas.subplots(1, 2)
        orders: dict[str, Any] = {"second-order": {"color": COLOURS[0]}, "fourth-order": {"color": COLOURS[1]}}
        for marker, errors in zip(MARKERS, data.values(), strict=True):
            for scheme, look in orders.items():
                left.loglog(errors["spacing"], errors[scheme], marker=marker, **look)
            right.semilogy(errors["nodes"], errors["chebyshev"], marker=marker, color=COLOURS[2])
        spacing = next(iter(data.values()))["spacing"]
        highest = max(errors["second-order"][-1] for errors in data.values())
        lowest = min(errors["fourth-order"][-1] for errors in data.values())
        slope_triangle(left, (spacing[-1] * 1.15, 6.0 * highest), 2, width=1.7)
        slope_triangle(left, (spacing[-1] * 1.15, 0.12 * lowest), 4, width=1.7)
        left.set(xlabel="spacing h", ylabel="relative error", title="Finite differences")
        left.set_xticks(spacing, [f"1/{round(1 / h)}" for h in spacing])
        left.minorticks_off()
        left.legend(
            handles=[Line2D([], [], label=scheme.replace("-", " "), **look) for scheme, look in orders.items()],
            loc="lower right",
        )
        right.set(xlabel="unknowns along each axis", ylabel="relative error", title="Chebyshev and Fourier collocation")
        kinds = [
            Line2D([], [], color=INK, linestyle="", marker=marker, label=PROBLEMS[name])
            for marker, name in zip(MARKERS, data, strict=True)
        ]
        canvas.legend(handles=kinds, loc="outside lower center", ncols=3)
    return canvas


figure("convergence-orders", compute, plot)
