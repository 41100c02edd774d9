"""A reduced model that predicts the coefficients of a basis by regression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .bases.orthogonal_decomposition import Basis
from .local_model import ReducedState
from .projection.coefficient_regression import CoefficientRegression, fit_regression
from .projection.local_errors import LocalErrors

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
    errors : LocalErrors
        Relative errors at the training points.
    """

    number: int
    basis: Basis
    regression: CoefficientRegression
    box: np.ndarray
    points: np.ndarray
    coefficients: np.ndarray
    errors: LocalErrors

    def states(self, inputs: np.ndarray) -> list[ReducedState]:
        """Return the states at rows of inputs.

        Their errors are estimated from the disagreement of two regressions and the errors at the nearest snapshots.
        """
        low, high = self.box.T
        points = (inputs - low) / (high - low)
        found, spreads = self.regression(points)
        errors = np.hypot(spreads, self.errors(points) * np.linalg.norm(found, axis=1))
        return [ReducedState(self.number, a, float(error)) for a, error in zip(found, errors, strict=True)]


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
    regression = fit_regression(points, coefficients, seed=seed)
    errors = LocalErrors(points, regression.errors, basis.projection_errors(states))
    return RegressionModel(number, basis, regression, box, points, coefficients, errors)
