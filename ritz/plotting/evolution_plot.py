"""Plots of solutions of evolution equations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ritz.plotting.solution_plot import plot_field, styled_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_evolution"]

COLUMNS, LINES = 4, 7  # most panels in a row, and most lines in a panel


def plot_evolution(trajectory: Any) -> Figure:
    """Draw every field of a trajectory: in 1-D as lines, and otherwise as images at up to four times.

    Of a 3-D grid, the middle plane normal to the last axis is drawn.

    Parameters
    ----------
    trajectory : EvolutionTrajectory

    Returns
    -------
    matplotlib.figure.Figure
        Not managed by pyplot: display it in a notebook, or call its ``savefig``.
    """
    grid, fields = trajectory.grid, trajectory.fields
    if grid is None or grid.dimension == 1:
        return _plot_lines(trajectory)
    times = _some(trajectory.times, COLUMNS)
    length, height = (float(np.ptp(axis)) or 1.0 for axis in grid.axes[:2])
    tall = 2.2 * min(2.0, max(0.4, height / length))
    with styled_figure((3.0 * len(times) + 0.9, (tall + 0.7) * len(fields))) as (figure, _):
        panels = figure.subplots(len(fields), len(times), squeeze=False, sharex=True, sharey=True)
        for row, name in zip(panels, fields, strict=True):
            frames = [_plane(trajectory, trajectory.at(float(t), name)) for t in times]
            image = _same_colours(row, frames)
            for panel, t in zip(row, times, strict=True):
                panel.set_title(f"{name}, t = {t:.4g}" if len(fields) > 1 else f"t = {t:.4g}")
            for panel in row[1:]:
                panel.set_ylabel("")
            figure.colorbar(image, ax=list(row), label=name, shrink=0.85)
        for panel in panels[:-1].ravel():
            panel.set_xlabel("")
    return figure


def _same_colours(panels: Any, frames: list[tuple[Any, np.ndarray]]) -> Any:
    """Draw planes with one scale of colours; return the last image."""
    images: list[Any] = []
    for panel, (grid, values) in zip(panels, frames, strict=True):
        plot_field([panel], grid, values, bar=False)
        images.append(panel.images[0] if panel.images else panel.collections[0])
    values = np.concatenate([np.ravel(grid.field(plane)) for grid, plane in frames])
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    signed = low < 0.0 < high and min(-low, high) > 0.1 * max(-low, high)
    if signed:
        low, high = -max(-low, high), max(-low, high)
    from matplotlib import colormaps

    for image in images:
        image.set_clim(low, high)
        image.set_cmap(colormaps["RdBu_r" if signed else "viridis"].with_extremes(bad="#b8b8b8"))
    return images[-1]


def _plane(trajectory: Any, values: np.ndarray) -> tuple[Any, np.ndarray]:
    from ritz.grid import Grid

    grid = trajectory.grid
    assert grid is not None
    if grid.dimension == 2:
        return grid, values
    middle = grid.shape[2] // 2
    solid = None if grid.solid is None else grid.solid[:, :, middle]
    return Grid(grid.axes[:2], solid), values.reshape(grid.shape)[:, :, middle].ravel()


def _plot_lines(trajectory: Any) -> Figure:
    from matplotlib import colormaps

    grid, fields = trajectory.grid, trajectory.fields
    times = _some(trajectory.times, LINES)
    with styled_figure((5.2 * len(fields), 3.8)) as (figure, _):
        for panel, name in zip(np.atleast_1d(figure.subplots(1, len(fields))), fields, strict=True):
            for number, t in enumerate(times):
                values = trajectory.at(float(t), name)
                x = np.arange(values.size) if grid is None else grid.axes[0]
                colour = colormaps["viridis"](0.92 * number / max(len(times) - 1, 1))
                panel.plot(x, values, color=colour, label=f"t = {t:.4g}", marker="." if values.size < 3 else None)
            panel.set_xlabel("index" if grid is None else "x")
            panel.set_ylabel(name)
        figure.axes[-1].legend()
    return figure


def _some(times: np.ndarray, count: int) -> np.ndarray:
    return times[np.unique(np.linspace(0, times.size - 1, min(count, times.size)).round().astype(int))]
