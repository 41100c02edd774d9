"""Plots of solutions and of their convergence."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ritz.backend import to_numpy
from ritz.errors import InvalidProblem
from ritz.grid import Grid
from ritz.plotting.style import ritz_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_field", "plot_history", "plot_solution", "styled_figure", "symmetric_shades"]

SOLID = "#b8b8b8"
POINTS = 20_000  # number of points beyond which a line is thinned


def plot_solution(solution: Any) -> Figure:
    """Draw a solution on its grid beside the history of its residual.

    A solution on a 1-D grid is drawn as a line, one on a 2-D grid as an image, and one on a 3-D grid as images of its
    three middle planes; without a grid, values are plotted against their index. Obstacles are grey. Of a block, only
    the first column is drawn. Of a trajectory, the last step is drawn, with the residual histories of all steps.

    Parameters
    ----------
    solution : Solution

    Returns
    -------
    matplotlib.figure.Figure
        Not managed by pyplot: display it in a notebook, or call its ``savefig``.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> figure = plot_solution(ritz.solve(np.diag([1.0, 2.0]), np.ones(2), "cg"))
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['x', 'relative residual']
    """
    grid, values = solution.grid, to_numpy(solution.x)
    values, name = (values, "") if values.ndim == 1 else (values[:, 0], f" (column 1 of {values.shape[1]})")
    if np.iscomplexobj(values):
        values, name = np.real(values), f"{name}, real part"
    three_dimensional = grid is not None and grid.dimension == 3
    with styled_figure((11.5, 8.6) if three_dimensional else (11.5, 4.4)) as (figure, colours):
        if three_dimensional:
            panels = figure.subplots(2, 2).ravel()
            plot_field(panels[:3], grid, values)
        else:
            panels = figure.subplots(1, 2, width_ratios=(1.15, 1.0))
            plot_field(panels[:1], grid, values)
            panels[0].set_title("solution" + name)
        if three_dimensional and name:
            figure.suptitle("solution" + name)
        steps: Sequence[Any] = getattr(solution, "steps", ()) or (solution,)
        for step in steps:
            plot_history(panels[-1], step.history, color=colours[0], alpha=max(0.15, 1.0 / len(steps) ** 0.5))
        panels[-1].set_title(f"{solution.solver or 'solver'}: {solution.status.name.lower().replace('_', ' ')}")
    return figure


def plot_field(panels: Sequence[Axes], grid: Grid | None, x: np.ndarray, *, bar: bool = True) -> None:
    """Draw a vector of unknowns into one panel, or into three for a 3-D grid.

    Parameters
    ----------
    panels : sequence of Axes
        Three panels for a 3-D grid, one for each middle plane; otherwise one.
    grid : Grid or None
        If None, or if the grid has more than three dimensions, values are plotted against their index.
    x : ndarray, shape (grid.size,)
        The unknowns.
    bar : bool
        Whether a panel of a 2-D grid gets a colour bar.
    """
    if grid is None or grid.dimension > 3:
        _plot_line(panels[0], np.arange(x.size), x, "index", "x")
        return
    field = grid.field(x)
    if grid.dimension == 1:
        _plot_line(panels[0], grid.axes[0], field, "x", "u")
        return
    shades = symmetric_shades(field)
    if grid.dimension == 2:
        image = _plot_plane(panels[0], grid.axes, field, "xy", shades)
        if bar:
            panels[0].figure.colorbar(image, ax=panels[0], label="u", shrink=0.85)
        return
    image: Any = None
    for panel, normal in zip(panels, (2, 1, 0), strict=True):
        middle = grid.shape[normal] // 2
        kept = [axis for axis in range(3) if axis != normal]
        plane = np.take(field, middle, axis=normal)
        names = "".join("xyz"[axis] for axis in kept)
        image = _plot_plane(panel, [grid.axes[axis] for axis in kept], plane, names, shades)
        panel.set_title(f"{'xyz'[normal]} = {grid.axes[normal][middle]:.3g}")
    panels[0].figure.colorbar(image, ax=list(panels), label="u", shrink=0.6)


@contextmanager
def styled_figure(size: tuple[float, float]) -> Generator[tuple[Figure, list[str]]]:
    """Return a context that provides a figure in the shared style and the colours of that style."""
    from matplotlib import rcParams

    from ritz.plotting.shown_figure import ShownFigure

    with ritz_style():
        yield ShownFigure(figsize=size, layout="constrained"), rcParams["axes.prop_cycle"].by_key()["color"]


def plot_history(panel: Axes, history: np.ndarray, **style: Any) -> None:
    """Plot relative residuals against iterations, on a logarithmic axis."""
    from matplotlib.ticker import MaxNLocator

    values = np.where(np.isfinite(history) & (history > 0), history, np.nan)
    steps = _thinned(values.size)
    marker = "o" if np.isfinite(values).sum() < 3 else None
    panel.semilogy(steps, values[steps], marker=marker, **style)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.set_xlabel("iteration")
    panel.set_ylabel("relative residual")


def _plot_line(panel: Axes, positions: np.ndarray, values: np.ndarray, along: str, name: str) -> None:
    kept = _thinned(values.size)
    panel.plot(positions[kept], values[kept], marker="." if values.size < 60 else None)
    panel.set_xlabel(along)
    panel.set_ylabel(name)


def _plot_plane(panel: Axes, axes: Sequence[np.ndarray], plane: np.ndarray, names: str, shades: dict[str, Any]) -> Any:
    """Draw a plane with its first axis horizontal; the spacing need not be uniform."""
    first, second = axes
    masked = np.ma.masked_invalid(plane.T)
    try:
        dx, dy = Grid((first, second)).spacing
        extent = (first[0] - dx / 2, first[-1] + dx / 2, second[0] - dy / 2, second[-1] + dy / 2)
        image = panel.imshow(masked, origin="lower", extent=extent, interpolation="nearest", **shades)
    except InvalidProblem:
        image = panel.pcolormesh(first, second, masked, shading="nearest", **shades)
    panel.set_aspect("equal")
    panel.set_facecolor(SOLID)
    panel.grid(visible=False)
    panel.set_xlabel(names[0])
    panel.set_ylabel(names[1])
    return image


def symmetric_shades(values: np.ndarray) -> dict[str, Any]:
    """Return a colour map and its range for values: one with zero in the middle if both signs matter."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    signed = low < 0 < high and min(-low, high) > 0.1 * max(-low, high)
    if signed:
        low, high = -max(-low, high), max(-low, high)
    return {"cmap": _shades("RdBu_r" if signed else "viridis"), "vmin": low, "vmax": high}


def _shades(name: str) -> Any:
    from matplotlib import colormaps

    return colormaps[name].with_extremes(bad=SOLID)


def _thinned(count: int) -> np.ndarray:
    """Return the indices of at most about `POINTS` of `count` points, including the last."""
    return np.unique(np.append(np.arange(0, count, max(1, count // POINTS)), max(count - 1, 0)))
