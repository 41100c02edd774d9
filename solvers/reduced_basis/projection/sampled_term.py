"""Hyper-reduction: a nonlinear or non-affine term evaluated at a few of its rows."""

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
MODES = 2  # modes of the term per mode of the state
ROWS = 1.5  # rows of the term per mode of the term
CHECKED = 8  # limit of modes of the term in the checks, per mode of the state
UNSEEN = 1e-14  # fraction of the energy of the term that the checks may leave out
LEFT_OUT = 1e-20  # fraction of the energy of the term that its modes may leave out
INTEGRALS = 1e-3  # relative error of the training integrals


@dataclass(frozen=True, eq=False)
class SampledTerm:
    """The sampled rows of a term, and the modes that represent it.

    Parameters
    ----------
    restricted : RestrictedTerm
        The term at `points`.
    points : ndarray, shape (m,)
    modes : ndarray, shape (n, k)
        Modes of the term, the most important first.
    cubature : Cubature or None
        Rule by which the equations are summed; None for interpolation.
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
        """Return the term at states in the span of `trial`, projected onto `tests`."""
        if self.cubature is None:
            lift = (tests.conj().T @ self.modes) @ self.fit
            return ProjectedTerm(self.restricted, trial_at(self.restricted, trial), lift)
        weighted = tests[self.points] * self.cubature.weights[:, None]
        return ProjectedTerm(self.restricted, trial_at(self.restricted, trial), weighted.conj().T)


def sampled_term(term: Any, values: np.ndarray, tests: np.ndarray, size: int, method: str) -> SampledTerm:
    """Choose the rows of a term to evaluate.

    Parameters
    ----------
    term : PointwiseTerm
    values : ndarray, shape (count, n)
        The term at snapshots, with the weights of these.
    tests : ndarray, shape (n, tests)
        Test vectors of the projection, which cubature needs.
    size : int
        Number of modes of the state.
    method : {"q-deim", "deim", "cubature"}
    """
    modes = pod(values, size=MODES * size, energy=LEFT_OUT, normalise=False)
    if method == "cubature":
        weighted = modes.singular_values[: modes.size, None] * modes.modes.T
        rule = empirical_cubature(tests, weighted, tolerance=INTEGRALS)
        return SampledTerm(term.restrict(rule.points), rule.points, modes.modes[:, : rule.points.size], rule)
    return _interpolated(term, modes.modes, method)


def check_term(term: Any, values: np.ndarray, size: int) -> SampledTerm:
    """Return the term for the checks of all bases, with modes of its values at all snapshots.

    The few entries in the equations of one basis may miss the term altogether if the classifier errs, for example if a
    source lies where this basis has none. Both sides of its equations are then small, and they seem to be solved.
    """
    return _interpolated(term, pod(values, size=CHECKED * size, energy=UNSEEN, normalise=False).modes, "q-deim")


def _interpolated(term: Any, modes: np.ndarray, method: str) -> SampledTerm:
    count = min(len(modes), int(np.ceil(ROWS * modes.shape[1])))
    points = empirical_interpolation(modes, points=method, count=count).points
    return SampledTerm(term.restrict(points), points, modes, None)
