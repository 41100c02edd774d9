"""A Gaussian process and a PDE, ready to be conditioned."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ritz.backend import asarray_like, is_torch_array
from ritz.grid import Grid
from ritz.problem_types.pde.pde import PDE
from ritz.solver import Controls, PreparedSolver

from .covariances.dense_method import condition_by_covariances
from .features.feature_method import condition_by_features
from .maximum_a_posteriori.joint_map import JointMap
from .maximum_a_posteriori.map_method import condition_by_ascent
from .method_result import MethodResult, SolveRequest
from .options import check_noise
from .posterior import PosteriorSolution

__all__ = ["PreparedGP"]

LARGE = 1e-2  # relative discretisation error that is warned of


@dataclass(frozen=True, eq=False)
class PreparedGP(PreparedSolver[PosteriorSolution]):
    """A Gaussian-process solver with a PDE that it can solve.

    `solve` takes measured values of the source at the nodes, including the ends, as `rhs` (default: the PDE's own
    source), and values at the nodes from which a nonlinear equation starts as `x0`. It has converged if the residual,
    at the nodes and between them, is at most ``max(rtol size, atol)``, where the size is that of the largest term of
    the equation; with noise, the residual may be as large as the noise explains. `maxiter` counts Newton steps, and
    the callback is called for nonlinear equations, with u at the nodes.

    Parameters
    ----------
    solver : KroneckerGP, or a solver with the same options
    pde : PDE
    frequencies : tuple of ndarray, optional
        Frequencies given by the user.
    name : str
        Registered name of the solver.
    seconds : float
        Time spent on preparing.
    stats : mapping
    warns : bool
        Whether to warn of a discretisation error above 1e-2.
    """

    solver: Any
    pde: PDE
    frequencies: tuple[np.ndarray, ...] | None
    name: str = "gp"
    seconds: float = 0.0
    stats: Mapping[str, Any] = field(default_factory=dict)
    warns: bool = True

    def _solve(self, rhs: Any, x0: Any, controls: Controls) -> PosteriorSolution:
        found = self._condition(SolveRequest(**vars(controls), rhs=rhs, x0=x0))
        posterior = found.posterior
        shared = {
            "method": "map" if isinstance(self.solver.method, JointMap) else self.solver.method,
            "noise": posterior.noise,
            "condition": posterior.condition,
            "log evidence": posterior.log_evidence,
        }
        if found.axes is not None:
            shared["shape"] = tuple(len(axis) for axis in found.axes)
        error = found.stats.get("discretisation_error", 0.0)
        if error > LARGE:
            shared["unresolved"] = (
                f"{found.x.size} nodes do not resolve the solution: its relative discretisation error is about"
                f" {error:.1e}. Give more nodes"
            )
            if self.warns:
                warnings.warn(shared["unresolved"], UserWarning, stacklevel=5)
        return PosteriorSolution(
            x=asarray_like(found.x, rhs) if rhs is not None and is_torch_array(rhs) else found.x,
            status=found.status,
            iterations=len(found.history) - 1,
            residual=found.residual,
            history=found.history,
            timings={},
            stats={**shared, **found.stats},
            grid=None if found.axes is None else Grid(found.axes),
            posterior=posterior,
        )

    def _condition(self, request: SolveRequest) -> MethodResult:
        solver = self.solver
        if solver.method == "features":
            return condition_by_features(
                self.pde,
                solver.shape,
                solver.points,
                frequencies=self.frequencies,
                max_components=solver.max_components,
                noise=check_noise(solver.noise),
                request=request,
            )
        if solver.method == "dense":
            return condition_by_covariances(
                self.pde,
                solver.shape,
                solver.points,
                frequencies=self.frequencies,
                max_components=solver.max_components,
                noise=check_noise(solver.noise),
                evidence=isinstance(solver.frequencies, str) and solver.frequencies == "evidence",
                request=request,
            )
        options = solver.method if isinstance(solver.method, JointMap) else JointMap()
        return condition_by_ascent(self.pde, solver.shape, solver.points, options, request)
