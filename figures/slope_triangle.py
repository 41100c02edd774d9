"""Triangles that show slopes in plots with logarithmic axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ritz.plotting.style import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["slope_triangle"]


def slope_triangle(axes: Axes, corner: tuple[float, float], slope: float, width: float = 2.0) -> None:
    """Draw a slope triangle on logarithmic axes, with its label beside the vertical side.

    Parameters
    ----------
    axes : matplotlib Axes
    corner : tuple of float
        Lower left corner, in data coordinates.
    slope : float
        Slope of the hypotenuse, with which it is labelled.
    width : float
        Ratio of the right to the left end.
    """
    x, y = corner
    right, top = x * width, y * width**slope
    axes.fill([x, right, right], [y, y, top], facecolor="#eceef2", edgecolor="#666666", linewidth=0.8, zorder=1.5)
    axes.annotate(f"{slope:g}", (right, (y * top) ** 0.5), (4, 0), textcoords="offset points", va="center", color=INK)
