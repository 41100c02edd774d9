"""Isosurfaces of fields on three-dimensional grids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ritz.errors import InvalidProblem
from ritz.extras import require
from ritz.plotting.solution_plot import styled_figure, symmetric_shades

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_isosurfaces"]


def plot_isosurfaces(solution: Any, levels: int | Sequence[float] = 3) -> Figure:
    """Draw surfaces on which a solution on a three-dimensional grid has one value.

    Parameters
    ----------
    solution : Solution
        With a grid of three axes.
    levels : int or sequence of float
        Values, or how many values between the least and the largest.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidProblem
        Without such a grid, or for a level that u does not take.
    MissingExtra
        Without scikit-image: ``pip install 'ritz[files]'``.
    """
    from mpl_toolkits.mplot3d.art3d import Poly3DCollection

    grid = solution.grid
    if grid is None or grid.dimension != 3:
        raise InvalidProblem("isosurfaces are those of a solution on a grid of three dimensions")
    measure = require("skimage.measure", "files", "scikit-image")
    field = np.real(grid.field(solution.x))
    field = field.astype(np.float64)
    low, high = float(np.nanmin(field)), float(np.nanmax(field))
    values = np.linspace(low, high, levels + 2)[1:-1] if isinstance(levels, int) else np.asarray(levels, np.float64)
    outside = values[(values <= low) | (values >= high)]
    if values.size == 0 or outside.size:
        wrong = f"{outside[0]:g}" if outside.size else "empty"
        raise InvalidProblem(f"levels is {wrong}; give values between {low:g} and {high:g}")
    shades = symmetric_shades(field)
    with styled_figure((6.4, 5.4)) as (figure, _):
        from matplotlib import cm, colors

        panel: Any = figure.add_subplot(projection="3d")
        scale: Any = cm.ScalarMappable(colors.Normalize(shades["vmin"], shades["vmax"]), shades["cmap"])
        for value in values:
            corners, faces, _, _ = measure.marching_cubes(np.nan_to_num(field, nan=low), float(value))
            places = np.stack(
                [np.interp(corners[:, axis], np.arange(len(nodes)), nodes) for axis, nodes in enumerate(grid.axes)], 1
            )
            surface = Poly3DCollection(places[faces], alpha=0.45, shade=True, facecolors=scale.to_rgba(float(value)))
            panel.add_collection3d(surface)
        bounds = [(float(nodes[0]), float(nodes[-1])) for nodes in grid.axes]
        panel.set(xlim=bounds[0], ylim=bounds[1], zlim=bounds[2], xlabel="x", ylabel="y", zlabel="z")
        panel.set_box_aspect([upper - lower for lower, upper in bounds])
        figure.colorbar(scale, ax=panel, label="u", shrink=0.7)
    return figure
