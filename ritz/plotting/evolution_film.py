"""Films of solutions of evolution equations."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ritz.arguments import check_integer
from ritz.errors import InvalidProblem
from ritz.files import check_folder, write_atomically
from ritz.plotting.solution_plot import plot_field, styled_figure

__all__ = ["write_film"]


def write_film(trajectory: Any, path: str | os.PathLike[str], field: str, frames: int | None, fps: int) -> Path:
    """Write a film of one field of a trajectory; see `EvolutionTrajectory.animate`."""
    from matplotlib.animation import FFMpegWriter, FuncAnimation, PillowWriter

    path, fps = check_folder(path), check_integer("fps", fps)
    grid = trajectory.grid
    if path.suffix.lower() not in (".gif", ".mp4"):
        raise InvalidProblem(f"path is {str(path)!r}; a film ends in .gif or .mp4")
    if path.suffix.lower() == ".mp4" and not FFMpegWriter.isAvailable():
        raise InvalidProblem(f"path is {str(path)!r} and FFmpeg is not installed, which writes .mp4: use .gif")
    if grid is None or grid.dimension > 2:
        raise InvalidProblem("a film shows a field on a grid of one or two dimensions, and there is none: use plot()")
    times = trajectory.times
    if frames is not None:
        check_integer("frames", frames, least=2)
        times = np.linspace(trajectory.step_times[0], trajectory.step_times[-1], frames)
    values = np.stack([trajectory.at(float(t), field) for t in times])
    shown = values if grid.solid is None else values[:, ~grid.solid.ravel()]
    low, high = float(np.nanmin(shown)), float(np.nanmax(shown))
    with styled_figure((5.4, 4.4)) as (figure, _):
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        FigureCanvasAgg(figure)
        panel = figure.subplots()
        plot_field([panel], grid, values[int(np.argmax(np.ptp(shown, axis=1)))])
        panel.grid(visible=False)
        title = panel.set_title("")
        if grid.dimension == 2:
            drawn: Any = panel.images[0] if panel.images else panel.collections[0]
            drawn.set_clim(low, high)
        else:
            drawn = panel.lines[0]
            panel.set_ylim(low - 0.05 * (high - low or 1.0), high + 0.05 * (high - low or 1.0))
            panel.set_ylabel(field)

        def show(number: int) -> list[Any]:
            title.set_text(f"{field}, t = {times[number]:.4g}")
            if grid.dimension == 1:
                drawn.set_ydata(values[number])
            else:
                plane = np.ma.masked_invalid(grid.field(values[number]).T)
                drawn.set_array(plane if panel.images else plane.ravel())
            return [drawn, title]

        film = FuncAnimation(figure, show, frames=len(times), blit=False)
        writer = PillowWriter(fps=fps) if path.suffix.lower() == ".gif" else FFMpegWriter(fps=fps)
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / f"film{path.suffix.lower()}"
            film.save(made, writer=writer, dpi=110)
            return write_atomically(path, made.read_bytes())
