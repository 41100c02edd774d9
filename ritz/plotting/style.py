"""The style shared by all figures."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["COLOURS", "INK", "ritz_style", "slope_triangle"]

COLOURS = ("#0b5fa5", "#d1495b", "#2e8b57", "#e0a100", "#6a4c93", "#4a4e57")
"""Line colours, in the order of ``ritz.mplstyle``."""
INK = "#333333"


def ritz_style() -> AbstractContextManager[None]:
    """Return a context in which figures are drawn in the style of ``ritz.mplstyle``."""
    import matplotlib.style

    return matplotlib.style.context(Path(__file__).with_name("ritz.mplstyle"))


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
