"""The style shared by all figures."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

__all__ = ["COLOURS", "INK", "ritz_style"]

COLOURS = ("#0b5fa5", "#d1495b", "#2e8b57", "#e0a100", "#6a4c93", "#4a4e57")
"""Line colours, in the order of ``ritz.mplstyle``."""
INK = "#333333"


def ritz_style() -> AbstractContextManager[None]:
    """Return a context in which figures are drawn in the style of ``ritz.mplstyle``."""
    import matplotlib.style

    return matplotlib.style.context(Path(__file__).with_name("ritz.mplstyle"))
