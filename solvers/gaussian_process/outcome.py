"""What each method of the Gaussian-process solver gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ritz.solution import Status
from ritz.solver import Controls

__all__ = ["Outcome", "Request"]


@dataclass(frozen=True)
class Request(Controls):
    """What a call of `solve` asks for: besides the controls, values of the source and a start."""

    rhs: Any = None
    x0: Any = None


@dataclass(frozen=True, eq=False)
class Outcome:
    """A posterior, and how good it is.

    Parameters
    ----------
    posterior : object
    x : ndarray, shape (n,)
        Its mean at the nodes.
    axes : tuple of ndarray, optional
        Nodes along each axis; None where points are scattered.
    status : Status
    residual : float
        Relative.
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
