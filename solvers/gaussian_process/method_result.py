"""What each method of the Gaussian-process solver is given, and what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ritz.solution import Status
from ritz.solver import Controls

__all__ = ["MethodResult", "SolveRequest"]


@dataclass(frozen=True)
class SolveRequest(Controls):
    """Arguments of a call of `solve`: its controls, values of the source (`rhs`) and a start (`x0`)."""

    rhs: Any = None
    x0: Any = None


@dataclass(frozen=True, eq=False)
class MethodResult:
    """A posterior and its quality.

    Parameters
    ----------
    posterior : object
    x : ndarray, shape (n,)
        Posterior mean at the nodes.
    axes : tuple of ndarray, optional
        Nodes along each axis; None if the points are scattered.
    status : Status
    residual : float
        Relative residual.
    history : ndarray, shape (iterations + 1,)
    stats : mapping
    """

    posterior: Any
    x: np.ndarray
    axes: tuple[np.ndarray, ...] | None
    status: Status
    residual: float
    history: np.ndarray
    stats: Mapping[str, Any]
