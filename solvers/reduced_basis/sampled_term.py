"""A nonlinear or non-affine term from few of its rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .cubature import Cubature, empirical_cubature
from .interpolation import empirical_interpolation
from .pod import pod
from .projected_equations import ProjectedTerm, trial_at

__all__ = ["HYPER_REDUCTIONS", "SampledTerm", "sampled_term"]

HYPER_REDUCTIONS = ("q-deim", "deim", "cubature")
MODES = 2  # of the term, for each mode of the state
CHECKED = 1.5  # modes of the term that checks see, for each that the equations see
ROWS = 1.5  # rows of the term, for each mode that checks see
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
    size : int
        Modes that the equations use; all of them are for checks, which see by the others what is left out.
    cubature : Cubature or None
        Weights of the points, where the equations sum by those.
    """

    restricted: Any
    points: np.ndarray
    modes: np.ndarray
    size: int
    cubature: Cubature | None

    @property
    def condition(self) -> float:
        """Condition number of the sampled modes of the equations."""
        return float(np.linalg.cond(self.modes[self.points, : self.size]))

    def for_equations(self, tests: np.ndarray, trial: np.ndarray) -> ProjectedTerm:
        """Return the term projected on tests, as the reduced equations have it."""
        if self.cubature is None:
            return self._interpolated(tests, trial, self.size)
        weighted = tests[self.points] * self.cubature.weights[:, None]
        return ProjectedTerm(self.restricted, trial_at(self.restricted, trial), weighted.conj().T)

    def for_checks(self, tests: np.ndarray, trial: np.ndarray) -> ProjectedTerm:
        """Return the term projected on tests with all of its modes."""
        return self._interpolated(tests, trial, self.modes.shape[1])

    def _interpolated(self, tests: np.ndarray, trial: np.ndarray, size: int) -> ProjectedTerm:
        modes = self.modes[:, :size]
        lift = (tests.conj().T @ modes) @ np.linalg.pinv(modes[self.points])
        return ProjectedTerm(self.restricted, trial_at(self.restricted, trial), lift)


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
    wanted = MODES * size
    rank = int(CHECKED * wanted)
    modes = pod(values, size=rank, energy=LEFT_OUT, normalise=False).modes
    wanted = min(wanted, modes.shape[1])
    n = len(modes)
    if method == "cubature":
        basis = pod(values, size=wanted, normalise=False)
        rule = empirical_cubature(tests, basis.singular_values[:wanted, None] * basis.modes.T, tolerance=INTEGRALS)
        checked = max(1, min(modes.shape[1], int(rule.points.size / ROWS)))
        return SampledTerm(term.restrict(rule.points), rule.points, modes[:, :checked], min(wanted, checked), rule)
    count = min(n, int(np.ceil(ROWS * modes.shape[1])))
    points = empirical_interpolation(modes, points=method, count=count).points
    return SampledTerm(term.restrict(points), points, modes, wanted, None)
