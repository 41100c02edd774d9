"""Linear regression with the interface of scikit-learn."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
from scipy.sparse import csr_array, hstack, issparse
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted, validate_data

from ritz.operators.foreign_arrays import as_csr
from ritz.problem_types.least_squares import LeastSquares
from ritz.problem_types.lp_regression import LpRegression
from ritz.solution import Solution
from ritz.solving import solve

__all__ = ["LpRegressor", "SketchedLinearRegression"]


class _LinearRegressor(RegressorMixin, BaseEstimator):
    """Base of both regressors: the intercept as a further column, and prediction."""

    fit_intercept: bool
    tol: float

    def _columns(self, X: Any, y: Any, *, several: bool) -> tuple[Any, np.ndarray]:
        """Return the checked matrix, with a column of ones for the intercept, and the targets."""
        checks: dict[str, Any] = {"accept_sparse": "csr", "dtype": np.float64, "ensure_min_samples": 2}
        columns: Any
        given: Any = as_csr(X, "X") if issparse(X) else X
        columns, targets = validate_data(self, given, y, y_numeric=True, multi_output=several, **checks)
        if self.fit_intercept:
            ones = np.ones((columns.shape[0], 1))
            sparse = issparse(columns)
            columns = csr_array(hstack([columns, csr_array(ones)])) if sparse else np.hstack([columns, ones])
        return columns, np.asarray(targets, dtype=np.float64)

    def _keep(self, solution: Solution) -> Self:
        """Store the coefficients of a solution, and warn if it has not converged."""
        if not solution.converged:
            warnings.warn(
                f"{type(self).__name__}: solver {solution.solver!r} ended {solution.status.name} at relative"
                f" {solution.residual:.1e} instead of tol={self.tol:g}. {solution.status.value}",
                ConvergenceWarning,
                stacklevel=3,
            )
        x = solution.x.T
        self.coef_ = x[..., :-1] if self.fit_intercept else x
        self.intercept_ = x[..., -1] if self.fit_intercept else 0.0
        self.solution_ = solution
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return ``X @ coef_ + intercept_``.

        Parameters
        ----------
        X : array or sparse array, shape (n_samples, n_features)

        Returns
        -------
        ndarray, shape (n_samples,) or (n_samples, n_targets)
        """
        check_is_fitted(self)
        given: Any = as_csr(X, "X") if issparse(X) else X
        columns: Any = validate_data(self, given, accept_sparse="csr", dtype=np.float64, reset=False)
        return columns @ self.coef_.T + self.intercept_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class LpRegressor(_LinearRegressor):
    r"""Linear regression that minimises :math:`\|Xw+c-y\|_p`.

    Parameters
    ----------
    p : float
        Exponent of the norm, at least 1: 1 minimises absolute deviations, which is robust to outliers in y (like
        scikit-learn's ``QuantileRegressor(alpha=0)``); 2 is least squares; ``math.inf`` minimises the largest error.
    fit_intercept : bool
    solver : str
        ``"lp"``, ``"lp-highs"`` or ``"lp-sampled"``.
    tol : float
        Relative duality gap to reach. A fit that misses it warns (ConvergenceWarning) and keeps the best result.
    random_state : int, optional
        Seed of ``"lp-sampled"``.

    Attributes
    ----------
    coef_ : ndarray, shape (n_features,)
    intercept_ : float
    n_features_in_ : int
    solution_ : Solution
        The solution, with the duality gap in ``stats``.

    Raises
    ------
    InvalidProblem
        From `fit`, for p below 1, and for fewer samples than features plus intercept.

    Examples
    --------
    >>> X = np.arange(5.0)[:, None]
    >>> model = LpRegressor(p=1).fit(X, [1.0, 3.0, 5.0, 7.0, 100.0])
    >>> model.coef_.round(6).tolist(), round(float(model.intercept_), 6)
    ([2.0], 1.0)
    """

    def __init__(
        self,
        p: float = 1.0,
        *,
        fit_intercept: bool = True,
        solver: str = "lp",
        tol: float = 1e-8,
        random_state: int | None = None,
    ):
        self.p = p
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.tol = tol
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> LpRegressor:
        """Fit the model.

        Parameters
        ----------
        X : array or sparse array, shape (n_samples, n_features)
        y : array, shape (n_samples,)
        """
        problem = LpRegression(*self._columns(X, y, several=False), self.p)
        return self._keep(solve(problem, self.solver, rtol=self.tol, seed=self.random_state, throw=False))


class SketchedLinearRegression(_LinearRegressor):
    """Ordinary least squares by sketching the rows, to full accuracy or approximately in one pass.

    Parameters
    ----------
    fit_intercept : bool
    solver : str
        ``"sketch-precondition"`` (full accuracy), ``"sketch-solve"`` (approximate, for a `tol` of a few percent), or
        any other solver of `ritz.LeastSquares`.
    tol : float
        Relative backward error to reach. A fit that misses it warns (ConvergenceWarning) and keeps the best result.
    random_state : int, optional
        Seed of the sketch.

    Attributes
    ----------
    coef_ : ndarray, shape (n_features,) or (n_targets, n_features)
    intercept_ : float or ndarray, shape (n_targets,)
    n_features_in_ : int
    solution_ : Solution

    Examples
    --------
    >>> X = np.random.default_rng(0).standard_normal((1000, 3))
    >>> SketchedLinearRegression().fit(X, X @ [1.0, 2.0, 3.0] + 4.0).coef_.round(6).tolist()
    [1.0, 2.0, 3.0]
    """

    def __init__(
        self,
        *,
        fit_intercept: bool = True,
        solver: str = "sketch-precondition",
        tol: float = 1e-13,
        random_state: int | None = None,
    ):
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.tol = tol
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> SketchedLinearRegression:
        """Fit the model.

        Parameters
        ----------
        X : array or sparse array, shape (n_samples, n_features)
        y : array, shape (n_samples,) or (n_samples, n_targets)
        """
        problem = LeastSquares(*self._columns(X, y, several=True))
        return self._keep(solve(problem, self.solver, rtol=self.tol, seed=self.random_state, throw=False))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
