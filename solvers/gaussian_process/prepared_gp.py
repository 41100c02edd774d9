"""A Gaussian process, ready for the data of a PDE."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ritz.backend import asarray_like, is_torch_array
from ritz.grid import Grid
from ritz.problem_types.pde.pde import PDE
from ritz.solver import Controls, PreparedSolver

from .dense_method import condition_by_covariances
from .feature_method import condition_by_features
from .joint_map import JointMap
from .map_method import condition_by_ascent
from .outcome import Outcome, Request
from .posterior import PosteriorSolution

__all__ = ["PreparedGP"]


@dataclass(frozen=True, eq=False)
class PreparedGP(PreparedSolver[PosteriorSolution]):
    """A solver and a problem that fit.

    The right-hand side of a solve are measured values of the source at the nodes, ends counted; the PDE's own source if
    None. x0 are values at the nodes that a nonlinear equation starts from. The residual, at the nodes and between them,
    is to be at most ``max(rtol size, atol)``, the size being that of the largest term of the equation; with noise, what
    the noise explains. `maxiter` counts Newton steps; the callback is for nonlinear equations.

    Parameters
    ----------
    solver : KroneckerGP, or one with the same options
    pde : PDE
    frequencies : tuple of ndarray, optional
        Those given.
    """

    solver: Any
    pde: PDE
    frequencies: tuple[np.ndarray, ...] | None
    name: str = "gp"
    seconds: float = 0.0
    stats: Mapping[str, Any] = field(default_factory=dict)

    def _solve(self, rhs: Any, x0: Any, controls: Controls) -> PosteriorSolution:
        found = self._condition(Request(**vars(controls), rhs=rhs, x0=x0))
        posterior = found.posterior
        shared = {
            "method": "map" if isinstance(self.solver.method, JointMap) else self.solver.method,
            "noise": posterior.noise,
            "condition": posterior.condition,
            "log evidence": posterior.log_evidence,
        }
        if found.axes is not None:
            shared["shape"] = tuple(len(axis) for axis in found.axes)
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

    def _condition(self, controls: Request) -> Outcome:
        solver = self.solver
        if solver.method == "features":
            return condition_by_features(
                self.pde,
                solver.shape,
                solver.points,
                frequencies=self.frequencies,
                max_components=solver.max_components,
                noise="learn" if solver.noise == "learn" else float(solver.noise),
                controls=controls,
            )
        if solver.method == "dense":
            return condition_by_covariances(
                self.pde,
                solver.shape,
                solver.points,
                frequencies=self.frequencies,
                max_components=solver.max_components,
                noise="learn" if solver.noise == "learn" else float(solver.noise),
                evidence=isinstance(solver.frequencies, str) and solver.frequencies == "evidence",
                controls=controls,
            )
        options = solver.method if isinstance(solver.method, JointMap) else JointMap()
        return condition_by_ascent(self.pde, solver.shape, solver.points, options, controls)
