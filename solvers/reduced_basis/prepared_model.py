"""A reduced model that answers queries."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ritz.backend import Array, to_numpy
from ritz.errors import InvalidProblem
from ritz.problem_types.parametric.parametric_pde import ParametricPDE
from ritz.solution import Solution, Status
from ritz.stopping import Callback, check_tolerances, iteration_limit

from .online import OnlineStage, ReducedAnswer

__all__ = ["BatchAnswer", "PreparedReducedBasis"]


@dataclass(frozen=True, eq=False)
class BatchAnswer:
    """Answers to many queries.

    Parameters
    ----------
    states : ndarray, shape (count, n)
    estimated_errors : ndarray, shape (count,)
    clusters : ndarray, shape (count,)
        Basis of each answer; -1 where the full model answered.
    """

    states: np.ndarray
    estimated_errors: np.ndarray
    clusters: np.ndarray


@dataclass(frozen=True, eq=False)
class PreparedReducedBasis:
    """Reduced models of a problem, calibrated; made by `LocalReducedBasis.fit` and `load`.

    Parameters
    ----------
    problem : ParametricPDE
    stage : OnlineStage
    factor : float
        By which estimates are multiplied to be bounds.
    tolerance : float
        Estimated relative error above which the full model answers.
    exact : bool
        Whether the full model always has the last word, starting from the reduced solution.
    name : str
        Registered name of the solver.
    seconds : float
        Spent on preparing.
    stats : mapping
        What the offline stage found.
    """

    problem: ParametricPDE
    stage: OnlineStage
    factor: float
    tolerance: float
    exact: bool
    name: str
    seconds: float = 0.0
    stats: Mapping[str, Any] = field(default_factory=dict)

    def solve(
        self,
        mu: Any = None,
        *,
        x0: Array | None = None,
        rtol: float = 1e-8,
        atol: float = 0.0,
        maxiter: int | None = None,
        callback: Callback | None = None,
        progress: bool = False,
    ) -> Solution:
        """Return the state, shape (n,) or (steps + 1, n), for parameters mu, the problem's query if None.

        Converged is a reduced solution whose estimated error, ``stats["estimated_error"]``, is within the tolerance of
        the solver. Otherwise the full model answers, from the reduced solution on where it iterates, and ``rtol`` and
        ``atol`` are for its residual; ``stats["fallback"]`` says so. The residual is that of the full equations, NaN
        where there are none. `history` is of the equations that were solved last. x0 is a state from whose projection
        Newton's method begins in the reduced space. The callback is asked once, with the reduced solution: if it
        returns true, that is the answer.
        """
        began = time.perf_counter()
        check_tolerances(rtol, atol, np.dtype(np.float64))
        iteration_limit(maxiter, 1)
        query = self.problem.query if mu is None else self.problem.checked_query(mu)
        answer = self._answer(query, x0)
        u = self.state(answer)
        estimate = self.factor * answer.error
        residual = self.problem.relative_residual(u, query) if np.isfinite(u).all() else np.inf
        history, status = answer.history, Status.CONVERGED
        stopped = callback is not None and callback(len(history) - 1, u, residual)
        fallback = (self.exact or not estimate <= self.tolerance) and not stopped
        newton: tuple[int, ...] = ()
        if stopped and not estimate <= self.tolerance:
            status = Status.INTERRUPTED
        if fallback:
            full = self.problem.full_order(query, start=u if np.isfinite(u).all() else None)
            u, newton, start = full.u, full.iterations, residual
            residual = self.problem.relative_residual(u, query)
            history = np.array([start, residual])
            status = Status.STAGNATED if residual > max(rtol, atol) else Status.CONVERGED
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
            timings={"prepare": self.seconds, "solve": time.perf_counter() - began},
            stats={**self.stats, **stats},
            solver=self.name,
            grid=self.problem.grid if u.ndim == 1 else None,
        )

    def reduced(self, mu: Any = None) -> tuple[ReducedAnswer, float]:
        """Return the answer in coefficients and its estimated relative error, at a cost independent of n."""
        answer = self._answer(self.problem.query if mu is None else self.problem.checked_query(mu), None)
        return answer, self.factor * answer.error

    def state(self, answer: ReducedAnswer) -> np.ndarray:
        """Return the state, or the trajectory, of coefficients; O(n size) a state."""
        models = self.stage.models
        if self.problem.times is None:
            only = answer.states[0]
            return models[only.cluster].basis.expand(only.coefficients)
        later = np.stack([models[s.cluster].basis.expand(s.coefficients) for s in answer.states])
        return np.concatenate([np.asarray(answer.initial)[None], later])

    def initial_guess(self, mu: Any = None) -> np.ndarray:
        """Return the reduced solution, for an iteration of one's own to start from."""
        return self.state(self.reduced(mu)[0])

    def solve_many(self, parameters: Any) -> BatchAnswer:
        """Return the states of many queries of a steady problem, those of a basis together.

        Parameters
        ----------
        parameters : array, shape (count, p)

        Raises
        ------
        InvalidProblem
            For trajectories.
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
        """Write the model to one file, whole or not at all; see `ritz.solvers.reduced_basis.load_model`."""
        from .storage import save_model

        return save_model(self, path)

    def _answer(self, query: np.ndarray, x0: Array | None) -> ReducedAnswer:
        start = None
        if x0 is not None:
            start = np.asarray(to_numpy(x0))
            n = len(self.stage.models[0].basis.modes)
            if start.shape != (n,):
                raise InvalidProblem(f"x0 has shape {start.shape}; it must be ({n},)")
        return self.stage.answer(query, start)

    def _dtype(self) -> np.dtype[Any]:
        return np.result_type(*(model.basis.modes.dtype for model in self.stage.models))
