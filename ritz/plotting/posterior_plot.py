"""Plots of solutions that are posterior distributions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ritz.backend import to_numpy
from ritz.plotting.solution_plot import plot_history, styled_figure, symmetric_shades

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_posterior"]

LINE = 400  # points of a line
MARKS = 400  # most nodes that are marked


def plot_posterior(solution: Any, points: np.ndarray) -> Figure:
    """Draw the mean with a band of two standard deviations on a line, or mean and standard deviation in the plane.

    Nodes are marked. The last panel shows the history of the residual.

    Parameters
    ----------
    solution : PosteriorSolution
    points : ndarray, shape (P, d)
        The nodes, in one or two dimensions.

    Returns
    -------
    matplotlib.figure.Figure
        Not managed by pyplot: display it in a notebook, or call its ``savefig``.
    """
    d = points.shape[1]
    with styled_figure((11.5, 4.4) if d == 1 else (15.0, 4.2)) as (figure, colours):
        panels = figure.subplots(1, d + 1)
        if d == 1:
            _draw_band(panels[0], solution, points, colours)
        else:
            mean = to_numpy(solution.x)
            deviation = to_numpy(solution.standard_deviation(points))
            for panel, values, title in zip(panels, (mean, deviation), ("mean", "standard deviation"), strict=False):
                image = panel.tricontourf(*points.T, values, 14, **symmetric_shades(values))
                if len(points) <= MARKS:
                    panel.plot(*points.T, ".", color="#00000080", markersize=3)
                panel.set(title=title, xlabel="x", ylabel="y", aspect="equal")
                panel.grid(visible=False)
                figure.colorbar(image, ax=panel, shrink=0.85)
        plot_history(panels[-1], solution.history, color=colours[0])
        panels[-1].set_title(f"{solution.solver or 'solver'}: {solution.status.name.lower().replace('_', ' ')}")
    return figure


def _draw_band(panel: Any, solution: Any, points: np.ndarray, colours: list[str]) -> None:
    line = np.linspace(points.min(), points.max(), LINE)[:, None]
    mean, deviation = to_numpy(solution.mean(line)), to_numpy(solution.standard_deviation(line))
    x = line[:, 0]
    panel.fill_between(x, mean - 2 * deviation, mean + 2 * deviation, color=colours[0], alpha=0.25, lw=0, label="±2 σ")
    panel.plot(x, mean, color=colours[0], label="mean")
    if len(points) <= MARKS:
        panel.plot(points[:, 0], to_numpy(solution.x), ".", color=colours[1], label="nodes")
    panel.set(title="posterior", xlabel="x", ylabel="u")
    panel.legend()
