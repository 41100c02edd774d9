"""What a time step starts from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Point", "Step"]


@dataclass(frozen=True, eq=False)
class Point:
    """A state on the way, and its rates.

    Parameters
    ----------
    t : float
    u : ndarray
        State.
    slope : ndarray
        du/dt without the reaction.
    reaction : ndarray or None
        The reaction, if there is one.
    """

    t: float
    u: np.ndarray
    slope: np.ndarray
    reaction: np.ndarray | None = None

    @property
    def rate(self) -> np.ndarray:
        """du/dt."""
        return self.slope if self.reaction is None else self.slope + self.reaction


@dataclass(frozen=True, eq=False)
class Step:
    """An attempted step: where it leads, and an estimate of its error.

    Parameters
    ----------
    point : Point
    error : ndarray
        Estimate of the local error, of the shape of the state.
    order : int
        The local error falls as the step size to the power of ``order + 1``.
    """

    point: Point
    error: np.ndarray
    order: int
