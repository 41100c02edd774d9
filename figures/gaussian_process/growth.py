"""Time to solve against the number of nodes in the plane and in space."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ritz.comparing.environment import pinned_threads
from ritz.plotting.figure import figure
from ritz.plotting.style import COLOURS, ritz_style, slope_triangle
from ritz.problems import gp_hm

from .cases import Entrant, measure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["compute", "plot"]

Data: TypeAlias = dict[str, dict[str, np.ndarray]]

ENTRANTS = (
    Entrant("gp", "gp"),
    Entrant("chebyshev", "chebyshev", grid="unknowns"),
    Entrant("finite-difference", "finite-difference", grid="unknowns"),
)
COUNTS = {"plane": (100, 200, 400, 700, 1000, 1400, 2000), "space": (16, 32, 48, 64, 96, 128)}
QUICK_COUNTS = {"plane": (100, 200, 300), "space": (24, 32, 48)}
LARGEST = {  # beyond, minutes or more memory than there is
    **{("chebyshev", "plane"): 400, ("chebyshev", "space"): 48},
    **{("finite-difference", "plane"): 1000, ("finite-difference", "space"): 64},
}
UNSEEN = {"plane": 60, "space": 20}  # test points along an axis
DENSITY = 4.0  # nodes in a wavelength
ROUNDS = 3


def compute(quick: bool = False) -> Data:
    """Return seconds, the fastest of three interleaved rounds on one thread, and errors, by dimension.

    The frequency grows with the grid, so that there are four nodes in a wavelength of the highest tone; a tone of low
    frequency is there besides.

    Parameters
    ----------
    quick : bool
        Small grids.

    Returns
    -------
    dict
        ``"plane"`` and ``"space"``: ``"nodes"`` along an axis, ``"<solver>"`` seconds, ``"<solver> error"``.
    """
    data: Data = {}
    for space, counts in (QUICK_COUNTS if quick else COUNTS).items():
        shape = (len(ENTRANTS), len(counts))
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
                for row, entrant in enumerate(ENTRANTS):
                    if count > LARGEST.get((entrant.label, space), count):
                        continue
                    with pinned_threads(1):
                        error, spent = measure(
                            entrant,
                            problem,
                            (count,) * problem.dimension,
                            seconds=0.0,
                            count=UNSEEN[space],
                        )
                    errors[row, column] = error
                    seconds[row, column] = np.fmin(seconds[row, column], spent)
        data[space] = {"nodes": np.array(counts)}
        for row, entrant in enumerate(ENTRANTS):
            data[space] |= {entrant.label: seconds[row], f"{entrant.label} error": errors[row]}
    return data


def plot(data: Data) -> Figure:
    """Return the figure: times above, errors below; the plane on the left, space on the right."""
    from matplotlib.figure import Figure

    with ritz_style():
        canvas = Figure(figsize=(9.2, 6.0), layout="constrained")
        panels = canvas.subplots(2, 2, sharex="col", sharey="row")
        for place, (space, found) in enumerate(data.items()):
            above, below = panels[:, place]
            dimension = 2 if space == "plane" else 3
            total = found["nodes"].astype(float) ** dimension
            for number, entrant in enumerate(ENTRANTS):
                look = {"color": COLOURS[number], "marker": "os^"[number]}
                above.loglog(total, found[entrant.label], label=entrant.label, **look)
                below.loglog(total, found[f"{entrant.label} error"], **look)
            fastest = np.nanmin([found[entrant.label] for entrant in ENTRANTS])
            slope_triangle(above, (total[-1] / 6, 1.2 * fastest), 1, width=3.0)
            above.set(title=f"{dimension}-D, up to {found['nodes'][-1]}$^{dimension}$ nodes")
            below.set(xlabel="nodes")
        panels[0, 0].set(ylabel="seconds")
        panels[1, 0].set(ylabel="relative error")
        handles, labels = panels[0, 0].get_legend_handles_labels()
        canvas.legend(handles, labels, loc="outside lower center", ncols=3)
    return canvas


figure("gp-growth", compute, plot)
