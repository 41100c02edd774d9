"""Time and error of Gaussian processes and their peers against the number of nodes, in two and three dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ritz.comparing.environment import pinned_threads
from ritz.plotting.style import COLOURS, ritz_style
from ritz.problems import gp_hm

from ..registered_figure import figure
from ..slope_triangle import slope_triangle
from .cases import SolverSetup, measure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["compute", "plot"]

Data: TypeAlias = dict[str, dict[str, np.ndarray]]

SOLVERS = (
    SolverSetup("gp", "gp"),
    SolverSetup("chebyshev", "chebyshev", grid="unknowns"),
    SolverSetup("finite-difference", "finite-difference", grid="unknowns"),
)
COUNTS = {"plane": (100, 200, 400, 700, 1000, 1400, 2000), "space": (16, 32, 48, 64, 96, 128)}
QUICK_COUNTS = {"plane": (100, 200, 300), "space": (24, 32, 48)}
LARGEST = {  # larger grids take minutes, or more memory than available
    **{("chebyshev", "plane"): 400, ("chebyshev", "space"): 48},
    **{("finite-difference", "plane"): 1000, ("finite-difference", "space"): 64},
}
UNSEEN = {"plane": 60, "space": 20}  # test points per axis
DENSITY = 4.0  # nodes per wavelength
ROUNDS = 3


def compute(quick: bool = False) -> Data:
    """Return seconds, the fastest of three interleaved rounds on one thread, and errors, by dimension.

    The frequency grows with the grid, at four nodes per wavelength of the highest tone. The solution also has a tone
    of low frequency.

    Parameters
    ----------
    quick : bool
        Use small grids.

    Returns
    -------
    dict
        For ``"plane"`` and ``"space"``: ``"nodes"`` per axis, seconds as ``"<solver>"`` and errors as
        ``"<solver> error"``.
    """
    data: Data = {}
    for space, counts in (QUICK_COUNTS if quick else COUNTS).items():
        shape = (len(SOLVERS), len(counts))
        seconds, errors = np.full(shape, np.nan), np.full(shape, np.nan)
        for column, count in enumerate(counts):
            frequency = float(round((count - 1) / DENSITY))
            build = (
                gp_hm.poisson_3d
                if space == "space"
                else lambda frequency: gp_hm.poisson_2d("multiscale", frequency=frequency)
            )
            problem = build(frequency=frequency)
            for _ in range(1 if quick or count >= 400 else ROUNDS):
                for row, setup in enumerate(SOLVERS):
                    if count > LARGEST.get((setup.label, space), count):
                        continue
                    with pinned_threads(1):
                        error, spent = measure(
                            setup,
                            problem,
                            (count,) * problem.dimension,
                            seconds=0.0,
                            count=UNSEEN[space],
                        )
                    errors[row, column] = error
                    seconds[row, column] = np.fmin(seconds[row, column], spent)
        data[space] = {"nodes": np.array(counts)}
        for row, setup in enumerate(SOLVERS):
            data[space] |= {setup.label: seconds[row], f"{setup.label} error": errors[row]}
    return data


def plot(data: Data) -> Figure:
    """Return the figure: times above and errors below, two dimensions on the left and three on the right."""
    from matplotlib.figure import Figure

    with ritz_style():
        canvas = Figure(figsize=(9.2, 6.0), layout="constrained")
        panels = canvas.subplots(2, 2, sharex="col", sharey="row")
        for place, (space, found) in enumerate(data.items()):
            above, below = panels[:, place]
            dimension = 2 if space == "plane" else 3
            total = found["nodes"].astype(float) ** dimension
            for number, setup in enumerate(SOLVERS):
                look = {"color": COLOURS[number], "marker": "os^"[number]}
                above.loglog(total, found[setup.label], label=setup.label, **look)
                below.loglog(total, found[f"{setup.label} error"], **look)
            fastest = np.nanmin([found[setup.label] for setup in SOLVERS])
            slope_triangle(above, (total[-1] / 6, 1.2 * fastest), 1, width=3.0)
            above.set(title=f"{dimension}-D, up to {found['nodes'][-1]}$^{dimension}$ nodes")
            below.set(xlabel="nodes")
        panels[0, 0].set(ylabel="seconds")
        panels[1, 0].set(ylabel="relative error")
        handles, labels = panels[0, 0].get_legend_handles_labels()
        canvas.legend(handles, labels, loc="outside lower center", ncols=3)
    return canvas


figure("gp-growth", compute, plot)
