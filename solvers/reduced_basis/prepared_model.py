"""Reduced models of a problem, ready for queries."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ritz.backend import Array, to_numpy
from ritz.errors import InvalidProblem
from ritz.problem_types.parametric.parametric_pde import ParametricPDE
from ritz.solution import Solution, Status
from ritz.solver import Controls, PreparedSolver

from .online import OnlineStage, ReducedAnswer
from .storage import load_stage, save_stage
from .time_stepping import trajectory

__all__ = ["BatchAnswer", "PreparedReducedBasis", "load_model"]


@dataclass(frozen=True, eq=False)
class BatchAnswer:
    """Answers to many queries.

    Parameters
    ----------
    states : ndarray, shape (count, n)
    estimated_errors : ndarray, shape (count,)
        Estimated relative errors; 0 where the full model answered.
    clusters : ndarray, shape (count,)
        Number of the basis of each answer; -1 where the full model answered.
    """

    states: np.ndarray
    estimated_errors: np.ndarray
    clusters: np.ndarray


@dataclass(frozen=True, eq=False)
class PreparedReducedBasis(PreparedSolver[Solution]):
    """Calibrated reduced models of a problem; made by `LocalReducedBasis.fit` and `load_model`.

    ``solve`` takes parameters, shape (p,), and uses the problem's query if there are none. The solution is the state,
    shape (n,), or the trajectory, shape (steps + 1, n).

    A reduced solution counts as converged if its estimated error, ``stats["estimated_error"]``, is within `tolerance`.
    Otherwise the full model answers, starting from the reduced solution if it iterates, and ``rtol`` and ``atol`` apply
    to its residual; ``stats["fallback"]`` says so. The residual is that of the full equations. If there are none, it is
    NaN and the status of a successful solve is ACCEPTED instead of CONVERGED. The history belongs to the equations
    solved last. In the reduced space, Newton's method starts from the projection of `x0`, shape (n,). The callback is
    asked once, with the reduced solution, which becomes the answer if the callback returns true.

    Parameters
    ----------
    problem : ParametricPDE
    stage : OnlineStage
    factor : float
        Factor that turns estimates into bounds.
    tolerance : float
        Estimated relative error above which the full model answers.
    exact : bool
        Whether the full model solves every query, starting from the reduced solution.
    name : str
        Registered name of the solver.
    seconds : float
        Duration of the offline stage.
    stats : mapping
        Statistics of the offline stage.
    """

    problem: ParametricPDE
    stage: OnlineStage
    factor: float
    tolerance: float
    exact: bool
    name: str
    seconds: float = 0.0
    stats: Mapping[str, Any] = field(default_factory=dict)

    def _solve(self, rhs: Any, x0: Array | None, controls: Controls) -> Solution:
        query = self.problem.query if rhs is None else self.problem.checked_query(rhs)
        answer = self._answer(query, x0)
        u = self.state(answer)
        estimate = self.factor * answer.error
        residual = self.problem.relative_residual(u, query) if np.isfinite(u).all() else np.inf
        success = Status.ACCEPTED if self.problem.model is None else Status.CONVERGED
        history, status = answer.history, success
        stopped = controls.asks_to_stop(len(history) - 1, u, residual)
        fallback = (self.exact or not estimate <= self.tolerance) and not stopped
        newton: tuple[int, ...] = ()
        if stopped and not estimate <= self.tolerance:
            status = Status.INTERRUPTED
        if fallback:
            full = self.problem.full_order(query, start=u if np.isfinite(u).all() else None)
            u, newton, start = full.u, full.iterations, residual
            residual = self.problem.relative_residual(u, query)
            history = np.array([start, residual])
            status = Status.STAGNATED if residual > max(controls.rtol, controls.atol) else success
        states = answer.states
        clusters: Any = states[0].cluster if self.problem.times is None else [state.cluster for state in states]
        stats = {
            "cluster": clusters,
            "size": self.stage.models[states[-1].cluster].basis.size,
            "tried": answer.tried,
            "estimated_error": 0.0 if fallback else estimate,
            "reduced_error": estimate,
            "fallback": fallback,
            "newton_iterations": newton,
        }
        return Solution(
            x=u,
            status=status,
            iterations=len(history) - 1,
            residual=residual,
            history=history,
            timings={},
            stats=stats,
            grid=self.problem.grid if u.ndim == 1 else None,
        )

    def reduced(self, mu: Any = None) -> tuple[ReducedAnswer, float]:
        """Return the answer in coefficients and its estimated relative error, at a cost independent of n."""
        answer = self._answer(self.problem.query if mu is None else self.problem.checked_query(mu), None)
        return answer, self.factor * answer.error

    def state(self, answer: ReducedAnswer) -> np.ndarray:
        """Return the state or the trajectory of an answer, O(n size) per state."""
        models = self.stage.models
        if self.problem.times is None:
            only = answer.states[0]
            return models[only.cluster].basis.expand(only.coefficients)
        later = np.stack([models[s.cluster].basis.expand(s.coefficients) for s in answer.states])
        return np.concatenate([np.asarray(answer.initial)[None], later])

    def initial_guess(self, mu: Any = None) -> np.ndarray:
        """Return the reduced solution, as a starting vector for another iteration."""
        return self.state(self.reduced(mu)[0])

    def solve_many(self, parameters: Any) -> BatchAnswer:
        """Answer many queries of a steady problem, in batches by basis.

        Parameters
        ----------
        parameters : array, shape (count, p)

        Raises
        ------
        InvalidProblem
            If the problem has trajectories.
        """
        if self.problem.times is not None:
            raise InvalidProblem("solve_many is for steady problems; ask for one trajectory at a time")
        points = self.problem.checked_parameters(parameters)
        answers = self.stage.steady_many(points)
        clusters = np.array([answer.states[0].cluster for answer in answers])
        estimates = self.factor * np.array([answer.error for answer in answers])
        states = np.empty((len(points), self.stage.models[0].basis.modes.shape[0]), dtype=self._dtype())
        for k in np.unique(clusters):
            mine = np.flatnonzero(clusters == k)
            coefficients = np.stack([answers[i].states[0].coefficients for i in mine])
            states[mine] = self.stage.models[k].basis.expand(coefficients)
        late = np.arange(len(points)) if self.exact else np.flatnonzero(~(estimates <= self.tolerance))
        for i in late:
            start = states[i] if np.isfinite(states[i]).all() else None
            states[i] = self.problem.full_order(points[i], start=start).u
        estimates[late], clusters[late] = 0.0, -1
        return BatchAnswer(states, estimates, clusters)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the models to one file, atomically; see `load_model`.

        The file is in the safetensors format and contains no code.
        """
        rest = {"factor": self.factor, "tolerance": self.tolerance, "exact": self.exact, "solver": self.name}
        return save_stage(self.stage, path, **rest, seconds=self.seconds, stats=dict(self.stats))

    def _answer(self, query: np.ndarray, x0: Array | None) -> ReducedAnswer:
        start = None
        if x0 is not None:
            start = np.asarray(to_numpy(x0))
            n = len(self.stage.models[0].basis.modes)
            if start.shape != (n,):
                raise InvalidProblem(f"x0 has shape {start.shape}; it must be ({n},)")
        return self.stage.steady(query, start) if self.problem.times is None else trajectory(self.stage, query)

    def _dtype(self) -> np.dtype[Any]:
        return np.result_type(*(model.basis.modes.dtype for model in self.stage.models))


def load_model(path: str | os.PathLike[str], problem: ParametricPDE) -> PreparedReducedBasis:
    """Return the models in a file written by `PreparedReducedBasis.save`, for the problem they were made for.

    Raises
    ------
    InvalidProblem
        If the file is damaged, of another version or not a reduced model, or if the problem is not the one it was made
        for. The message says which.

    Examples
    --------
    >>> import ritz, tempfile
    >>> problem = ritz.problems.thermal_block((9, 9))
    >>> model = ritz.solvers.reduced_basis.GlobalPOD(size=5, samples=30).fit(problem)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     again = load_model(model.save(Path(folder) / "block.safetensors"), problem)
    >>> bool(np.allclose(again.solve().x, model.solve().x))
    True
    """
    stage, facts = load_stage(path, problem)
    rest = (facts["factor"], facts["tolerance"], facts["exact"], facts["solver"], facts["seconds"], facts["stats"])
    return PreparedReducedBasis(problem, stage, *rest)
