"""A Gaussian process, ready for the data of a PDE."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ritz.backend import Array, asarray_like, is_torch_array
from ritz.grid import Grid
from ritz.problem_types.pde.pde import PDE
from ritz.progress import ResidualProgress
from ritz.solver import registered_name
from ritz.stopping import Callback, check_tolerances, iteration_limit

from .dense_method import condition_by_covariances
from .feature_method import condition_by_features
from .joint_map import JointMap
from .map_method import condition_by_ascent
from .outcome import Controls, Outcome
from .posterior import PosteriorSolution

if TYPE_CHECKING:
    from .gaussian_process import KroneckerGP

__all__ = ["PreparedGP"]


@dataclass(frozen=True, eq=False)
class PreparedGP:
    """A solver and a problem that fit.

    Parameters
    ----------
    solver : KroneckerGP
    pde : PDE
    frequencies : tuple of ndarray, optional
        Those given.
    """

    solver: KroneckerGP
    pde: PDE
    frequencies: tuple[np.ndarray, ...] | None

    def solve(
        self,
        rhs: Array | None = None,
        *,
        x0: Array | None = None,
        rtol: float = 1e-8,
        atol: float = 0.0,
        maxiter: int | None = None,
        callback: Callback | None = None,
        progress: bool = False,
    ) -> PosteriorSolution:
        """Condition on the PDE.

        Parameters
        ----------
        rhs : array, optional
            Measured values of the source at the nodes, ends counted; the PDE's own source if None.
        x0 : array, optional
            Values at the nodes that a nonlinear equation starts from.
        rtol, atol : float
            The residual, at the nodes and between them, is to be at most ``max(rtol size, atol)``, the size being
            that of the largest term of the equation; with noise, what the noise explains.
        maxiter : int, optional
            Newton steps.
        callback : callable, optional
            ``callback(iteration, u at the nodes, relative residual) -> stop?``, for nonlinear equations.
        progress : bool
        """
        check_tolerances(rtol, atol, np.dtype(np.float64))
        iteration_limit(maxiter, 1)
        start = time.perf_counter()
        name = registered_name(self.solver)
        with ResidualProgress(progress, name, rtol) as line:
            found = self._condition(Controls(rhs, x0, rtol, atol, maxiter, callback, line))
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
            timings={"prepare": 0.0, "solve": time.perf_counter() - start},
            stats={**shared, **found.stats},
            solver=name,
            grid=None if found.axes is None else Grid(found.axes),
            posterior=posterior,
        )

    def _condition(self, controls: Controls) -> Outcome:
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
