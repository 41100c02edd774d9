"""A nonlinear or non-affine term from few of its rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..bases.orthogonal_decomposition import pod
from .cubature import Cubature, empirical_cubature
from .interpolation import empirical_interpolation
from .projected_equations import ProjectedTerm, trial_at

__all__ = ["HYPER_REDUCTIONS", "SampledTerm", "check_term", "sampled_term"]

HYPER_REDUCTIONS = ("q-deim", "deim", "cubature")
MODES = 2  # of the term, for each mode of the state
ROWS = 1.5  # rows of the term, for each of its modes
CHECKED = 8  # modes of the term that checks see at most, for each mode of the state
UNSEEN = 1e-14  # energy of the term that checks need not see
LEFT_OUT = 1e-20  # energy of the term that its modes may leave out in any case
INTEGRALS = 1e-3  # relative error of integrals of training


@dataclass(frozen=True, eq=False)
class SampledTerm:
    """Rows of a term, and the modes it is made of.

    Parameters
    ----------
    restricted : RestrictedTerm
        The term at `points`.
    points : ndarray, shape (m,)
    modes : ndarray, shape (n, k)
        Of the term, the most important first.
    cubature : Cubature or None
        Weights of the points, where the equations sum by those.
    """

    restricted: Any
    points: np.ndarray
    modes: np.ndarray
    cubature: Cubature | None

    @cached_property
    def fit(self) -> np.ndarray:
        """Pseudo-inverse of the sampled modes, shape (k, m)."""
        return np.linalg.pinv(self.modes[self.points])

    @property
    def condition(self) -> float:
        """Condition number of the sampled modes."""
        return float(np.linalg.cond(self.modes[self.points]))

    def projected(self, tests: np.ndarray, trial: np.ndarray) -> ProjectedTerm:
        """Return the term of states in the span of `trial`, projected on tests."""
        if self.cubature is None:
            lift = (tests.conj().T @ self.modes) @ self.fit
            return ProjectedTerm(self.restricted, trial_at(self.restricted, trial), lift)
        weighted = tests[self.points] * self.cubature.weights[:, None]
        return ProjectedTerm(self.restricted, trial_at(self.restricted, trial), weighted.conj().T)


def sampled_term(term: Any, values: np.ndarray, tests: np.ndarray, size: int, method: str) -> SampledTerm:
    """Return the rows to take, and what to make of them.

    Parameters
    ----------
    term : PointwiseTerm
    values : ndarray, shape (count, n)
        The term at snapshots, weighted as they are.
    tests : ndarray, shape (n, tests)
        What the term is projected on, for cubature.
    size : int
        Modes of the state.
    method : {"q-deim", "deim", "cubature"}
    """
    modes = pod(values, size=MODES * size, energy=LEFT_OUT, normalise=False)
    if method == "cubature":
        weighted = modes.singular_values[: modes.size, None] * modes.modes.T
        rule = empirical_cubature(tests, weighted, tolerance=INTEGRALS)
        return SampledTerm(term.restrict(rule.points), rule.points, modes.modes[:, : rule.points.size], rule)
    return _interpolated(term, modes.modes, method)


def check_term(term: Any, values: np.ndarray, size: int) -> SampledTerm:
    """Return the term as checks of all bases see it, by modes of its values at all snapshots.

    The few entries that serve the equations of one basis may miss the term altogether where the classifier errs, as
    when a source lies where that basis has none; both sides of its equations are then small, and look as if solved.
    """
    return _interpolated(term, pod(values, size=CHECKED * size, energy=UNSEEN, normalise=False).modes, "q-deim")


def _interpolated(term: Any, modes: np.ndarray, method: str) -> SampledTerm:
    count = min(len(modes), int(np.ceil(ROWS * modes.shape[1])))
    points = empirical_interpolation(modes, points=method, count=count).points
    return SampledTerm(term.restrict(points), points, modes, None)
