"""A reduced model that predicts the coefficients of a basis by regression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .bases.orthogonal_decomposition import Basis
from .local_model import ReducedState
from .projection.coefficient_regression import CoefficientRegression, fit_regression

__all__ = ["RegressionModel", "regression_model"]


@dataclass(frozen=True, eq=False)
class RegressionModel:
    """A basis, and its coefficients as functions of the inputs: parameters, and the time for trajectories.

    Parameters
    ----------
    number : int
    basis : Basis
    regression : CoefficientRegression
    box : ndarray, shape (p, 2)
        Ranges of the inputs, which are scaled to the unit box.
    points, coefficients : ndarray, shapes (count, p) and (count, size)
        Training data of the regression.
    left_out : float
        Root mean square of the relative projection errors of the snapshots.
    """

    number: int
    basis: Basis
    regression: CoefficientRegression
    box: np.ndarray
    points: np.ndarray
    coefficients: np.ndarray
    left_out: float

    def states(self, inputs: np.ndarray) -> list[ReducedState]:
        """Return the states at rows of inputs, with the disagreement of two regressions as error estimate."""
        low, high = self.box.T
        found, spreads = self.regression((inputs - low) / (high - low))
        floor = (self.left_out + self.regression.error) * np.linalg.norm(found, axis=1)
        return [
            ReducedState(self.number, a, float(np.hypot(spread, least)))
            for a, spread, least in zip(found, spreads, floor, strict=True)
        ]


def regression_model(
    number: int, basis: Basis, states: np.ndarray, inputs: np.ndarray, box: np.ndarray, *, seed: int = 0
) -> RegressionModel:
    """Fit the model of one basis to the states of its cluster, shape (count, n), and their inputs.

    Raises
    ------
    InvalidProblem
        If the cluster has fewer states than a regression needs.
    """
    low, high = box.T
    points = (inputs - low) / (high - low)
    coefficients = basis.coefficients(states)
    left_out = float(np.sqrt(np.mean(basis.projection_errors(states) ** 2)))
    regression = fit_regression(points, coefficients, seed=seed)
    return RegressionModel(number, basis, regression, box, points, coefficients, left_out)
