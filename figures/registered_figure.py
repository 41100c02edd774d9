"""Registered figures.

A module of ``figures/`` defines ``compute(quick=False)``, which returns arrays and numbers, and ``plot(data)``, which
returns a matplotlib figure of them, and ends with ``figure("its-name", compute, plot)``. All expensive work belongs in
``compute``, so the figure can be drawn again from saved data. The first line of the module says what the figure shows.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ritz.registry import figures

if TYPE_CHECKING:
    import matplotlib.figure

__all__ = ["RegisteredFigure", "figure"]


@dataclass(frozen=True)
class RegisteredFigure:
    """A registered figure; created by `figure`.

    Parameters
    ----------
    compute : callable
        ``compute(quick=False) -> data``, a mapping of arrays and numbers; takes only seconds if `quick` is true.
    plot : callable
        ``plot(data) -> matplotlib.figure.Figure``.
    """

    compute: Callable[..., Any]
    plot: Callable[[Any], matplotlib.figure.Figure]

    def __post_init__(self):
        # The registry and `ritz list` read these attributes of every entry.
        described = sys.modules[self.compute.__module__].__doc__ or ""
        for name, value in (
            ("__module__", self.compute.__module__),
            ("__qualname__", f"figure({self.compute.__qualname__}, {self.plot.__qualname__})"),
            ("__doc__", described.strip().split("\n")[0]),
        ):
            object.__setattr__(self, name, value)

    def __call__(self, quick: bool = False) -> matplotlib.figure.Figure:
        """Compute the data and return the figure."""
        return self.plot(self.compute(quick=quick))


def figure(name: str, compute: Callable[..., Any], plot: Callable[[Any], matplotlib.figure.Figure]) -> RegisteredFigure:
    """Register a figure under `name`; see `RegisteredFigure` for `compute` and `plot`.

    Examples
    --------
    >>> from ritz.registry import figures
    >>> convergence = figures["convergence-orders"]
    >>> convergence.__doc__
    'Discretisation errors against the grid spacing and the number of nodes.'
    """
    return figures.register(name)(RegisteredFigure(compute, plot))
