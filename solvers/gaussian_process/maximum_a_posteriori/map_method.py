"""Method ``"map"``: the joint maximum of values and hyperparameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from ritz.problem_types.pde.pde import PDE
from ritz.solution import Status

from ..grid_data import gridded_data
from ..method_result import MethodResult, SolveRequest
from .joint_map import JointMap, joint_map

__all__ = ["condition_by_ascent"]

DEFAULT = {1: 200, 2: 64, 3: 16}  # nodes per axis, by dimension


def condition_by_ascent(pde: PDE, shape: Any, points: Any, options: JointMap, request: SolveRequest) -> MethodResult:
    """Return the maximum of the joint posterior density of grid values and hyperparameters; see `KroneckerGP`."""
    nodes = DEFAULT[pde.dimension] if shape is None and points is None else shape
    data = gridded_data(pde, nodes, points, request.rhs)
    posterior = joint_map(
        data,
        options,
        rtol=request.rtol,
        maxiter=request.maxiter,
        callback=request.callback,
        progress=request.progress.enabled,
    )
    residuals = posterior.residuals
    residual = float(np.nanmax([residuals["train"], residuals["off-grid"]]))
    status = posterior.status
    if status is Status.CONVERGED and residual > request.rtol:
        status = Status.STAGNATED
    stats = {
        "frequencies": tuple(len(values) for values in posterior.frequencies),
        **{f"{name} residual": value for name, value in residuals.items() if np.isfinite(value)},
    }
    coordinates = np.stack([part.ravel() for part in np.meshgrid(*data.axes, indexing="ij")], axis=1)
    x = np.asarray(posterior.mean(coordinates))
    return MethodResult(posterior, x, data.axes, status, residual, posterior.history, stats)
