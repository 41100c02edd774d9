"""The online stage: choose a basis, solve for its coefficients, and check them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .clusters.parameter_classifier import ParameterClassifier
from .local_model import LocalModel, ReducedState
from .projection.inverse_interpolation import InverseInterpolation
from .regression_model import RegressionModel

__all__ = ["OnlineStage", "ReducedAnswer", "least_error", "operator_features"]


@dataclass(frozen=True, eq=False)
class ReducedAnswer:
    """The coefficients of one state or of a trajectory.

    Parameters
    ----------
    states : tuple of ReducedState
        One state, or one per time step.
    error : float
        Estimate of the relative error, before calibration; the root mean square over the times of a trajectory.
    tried : tuple of int
        Bases whose equations were solved.
    initial : ndarray or None
        Initial state of a trajectory.
    """

    states: tuple[ReducedState, ...]
    error: float
    tried: tuple[int, ...]
    initial: np.ndarray | None = None

    @property
    def history(self) -> np.ndarray:
        """Relative residuals of the reduced equations of the last state."""
        result = self.states[-1].result
        return np.array([1.0] if result is None else result.history)


@dataclass(frozen=True, eq=False)
class OnlineStage:
    """The models of all bases and the rule that chooses among them.

    The cost of a query does not depend on the number of unknowns, except for the initial states of trajectories.

    Parameters
    ----------
    problem : ParametricPDE
    models : tuple of LocalModel, or of RegressionModel
    classifier : ParameterClassifier or None
        None with one basis.
    candidates : int
        Limit of bases to try, the likeliest first.
    places : ndarray, shape (count, p)
        Features (`operator_features`) of the places the checks were made for; the nearest one counts. Empty for
        regressions and if there are `inverses`.
    spread : ndarray, shape (p,)
        Scales by which features are divided before distances are computed.
    usual : float
        Estimated relative error up to which a basis is accepted without trying the next.
    inverses : InverseInterpolation or None
        Combines the checks of steady linear equations.
    """

    problem: Any
    models: tuple[LocalModel | RegressionModel, ...]
    classifier: ParameterClassifier | None
    candidates: int
    places: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    spread: np.ndarray = field(default_factory=lambda: np.empty(0))
    usual: float = 0.0
    inverses: InverseInterpolation | None = None

    def steady(self, mu: np.ndarray, start: np.ndarray | None = None) -> ReducedAnswer:
        """Return the steady state at mu with the least estimated error.

        Newton's method starts from the projection of `start`, shape (n,), if that is given.
        """
        state, tried = least_error(self.likeliest(mu), self.attempts(mu, start), self.usual)
        return ReducedAnswer((state,), state.relative_error, tried)

    def attempts(self, mu: np.ndarray, start: np.ndarray | None = None) -> Callable[[int], ReducedState]:
        """Return a function that solves for the state at mu in the basis of a given number, and checks it."""
        theta, phi = self.affine_coefficients(mu)
        check = self.place(mu) if self.inverses is None else self.inverses.weights(theta[None])[0]

        def attempt(number: int) -> ReducedState:
            model = self.models[number]
            if isinstance(model, RegressionModel):
                return model.states(mu[None])[0]
            return model.solve(mu, theta, phi, check, None if start is None else model.basis.coefficients(start))

        return attempt

    def likeliest(self, inputs: np.ndarray) -> np.ndarray:
        """Return the numbers of the bases to try for inputs, shape (p,) or (count, p), the likeliest first."""
        if self.classifier is None:
            return np.zeros((*inputs.shape[:-1], 1), dtype=np.int64)
        return self.classifier.likeliest(inputs, self.candidates)

    def place(self, mu: np.ndarray, time: float = 0.0) -> int:
        """Return the number of the nearest place, the same for all bases, which makes their checks comparable."""
        if len(self.places) < 2:
            return 0
        distances = (self.places - operator_features(self.problem, mu, time)) / self.spread
        return int(np.argmin(np.einsum("ij,ij->i", distances, distances)))

    def affine_coefficients(self, mu: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the coefficients of the affine form at mu, empty arrays if there is none."""
        affine = self.problem.affine
        return (np.empty(0), np.empty(0)) if affine is None else (affine.theta(mu), affine.phi(mu))

    def steady_many(self, points: np.ndarray) -> list[ReducedAnswer]:
        """Return the steady answers at rows of parameters, as `steady` does, in batches by basis.

        Linear equations are solved together for all queries of a basis. Queries whose check is poor try their next
        basis in a further round.
        """
        order = self.likeliest(points)
        best: list[ReducedState | None] = [None] * len(points)
        tried: list[list[int]] = [[] for _ in points]
        waiting = np.arange(len(points))
        for place in range(order.shape[1]):
            for number in np.unique(order[waiting, place]):
                queries = waiting[order[waiting, place] == number]
                for query, state in zip(queries, self._together(int(number), points[queries]), strict=True):
                    tried[query].append(int(number))
                    known = best[query]
                    if known is None or state.relative_error < known.relative_error:
                        best[query] = state
            late = [query for query in waiting if _error(best[query]) > self.usual]
            waiting = np.array(late, dtype=np.int64)
        answers: list[ReducedAnswer] = []
        for state, numbers in zip(best, tried, strict=True):
            assert state is not None
            answers.append(ReducedAnswer((state,), state.relative_error, tuple(numbers)))
        return answers

    def _together(self, number: int, points: np.ndarray) -> list[ReducedState]:
        model = self.models[number]
        if isinstance(model, RegressionModel):
            return model.states(points)
        theta, phi = (np.stack(part) for part in zip(*map(self.affine_coefficients, points), strict=True))
        checks = [self.place(mu) for mu in points] if self.inverses is None else self.inverses.weights(theta)
        square = model.equations.operators.shape[1] == model.basis.size
        if not (square and model.equations.term is None):
            return [model.solve(*query) for query in zip(points, theta, phi, checks, strict=True)]
        found = np.linalg.solve(
            np.tensordot(theta, model.equations.operators, 1), (phi @ model.equations.loads)[..., None]
        )[..., 0]
        check = model.checks[0]  # the same for all, since the equations are linear
        left = np.einsum("cq,qts,cs->ct", theta, check.operators, found, optimize=True) - phi @ check.loads
        weights = np.asarray(checks).conj()
        combined = np.einsum("cp,cpt->ct", weights, left.reshape(*weights.shape, -1))
        errors = np.linalg.norm(combined, axis=1)
        return [ReducedState(number, a, float(error)) for a, error in zip(found, errors, strict=True)]


def operator_features(problem: Any, mu: np.ndarray, time: float = 0.0) -> np.ndarray:
    """Return the features whose distance measures how Jacobians differ: parameters and time, scaled by their ranges."""
    low, high = problem.ranges.T
    scaled = (mu - low) / (high - low)
    if problem.times is None:
        return scaled
    first, last = problem.times[0], problem.times[-1]
    return np.append(scaled, (time - first) / (last - first))


def least_error(
    order: Sequence[int] | np.ndarray, attempt: Callable[[int], ReducedState], usual: float
) -> tuple[ReducedState, tuple[int, ...]]:
    """Try bases in order until an estimated error is at most `usual`; return the best state and the bases tried."""
    best: ReducedState | None = None
    tried: list[int] = []
    for number in order:
        tried.append(int(number))
        state = attempt(int(number))
        if best is None or state.relative_error < best.relative_error:
            best = state
        if best.relative_error <= usual:
            break
    assert best is not None
    return best, tuple(tried)


def _error(state: ReducedState | None) -> float:
    return np.inf if state is None else state.relative_error
