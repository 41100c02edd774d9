"""Regressors for scikit-learn: its own checks, and its linear models on real tables."""

from __future__ import annotations

import math
import warnings
from functools import cache

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, QuantileRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

import ritz
from ritz.estimators import LpRegressor, SketchedLinearRegression
from ritz.problem_types.lp_regression import lp_norm


def california_like(rows=20_640, seed=0):
    """Return a table like the census of California: skewed, correlated features, a target cut off above and below."""
    generator = np.random.default_rng(seed)
    income, age = generator.lognormal(1.2, 0.45, rows), generator.uniform(1, 52, rows)
    rooms = generator.lognormal(1.65, 0.25, rows) * (1 + 0.05 * income)
    bedrooms = rooms * generator.normal(0.2, 0.02, rows)
    people, occupants = generator.lognormal(7.0, 0.75, rows), generator.lognormal(1.05, 0.25, rows)
    latitude = generator.uniform(32.5, 42, rows)
    longitude = -124 + 0.9 * (42 - latitude) + generator.normal(0, 1, rows)
    X = np.column_stack([income, age, rooms, bedrooms, people, occupants, latitude, longitude])
    y = X @ [0.45, 0.01, -0.1, 0.6, 0.0, -0.05, -0.4, -0.4] - 31.6 + 0.5 * generator.standard_t(3, rows)
    return X, np.clip(y, 0.15, 5.0)


@cache
def table(name):
    makers = {"diabetes": load_diabetes, "digits": load_digits}
    return makers[name](return_X_y=True) if name in makers else california_like(4000)


@parametrize_with_checks(
    [LpRegressor(), LpRegressor(p=1.5), LpRegressor(p=math.inf), SketchedLinearRegression()],
)
def test_estimators(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        check(estimator)


@pytest.mark.parametrize("name", ["diabetes", "digits", "california-like"])
def test_real_tables(name):
    X, y = table(name)
    theirs = LinearRegression().fit(X, y)
    for ours in (LpRegressor(p=2, tol=1e-14), SketchedLinearRegression()):
        ours.fit(X, y)
        np.testing.assert_allclose(ours.predict(X), theirs.predict(X), atol=1e-7 * abs(y).max())
        assert ours.score(X, y) == pytest.approx(theirs.score(X, y), rel=1e-9)
    quantile = QuantileRegressor(alpha=0, quantile=0.5).fit(X, y)
    ours = LpRegressor(p=1).fit(X, y)
    least = abs(quantile.predict(X) - y).sum()
    assert abs(ours.predict(X) - y).sum() <= least * (1 + 1e-7)
    assert ours.solution_.stats["lower_bound"] <= least * (1 + 1e-9)
    for p in (1.5, 4.0, math.inf):
        assert LpRegressor(p=p).fit(X, y).solution_.converged


def test_estimators_of_sparse_and_sampled_tables():
    X, y = table("california-like")
    dense, sparse = LpRegressor(p=1.5).fit(X, y), LpRegressor(p=1.5).fit(sp.csr_array(X), y)
    np.testing.assert_allclose(sparse.coef_, dense.coef_, rtol=1e-3, atol=1e-5)
    plain = LpRegressor(p=1.5, fit_intercept=False).fit(X, y)
    assert plain.intercept_ == 0.0
    assert plain.coef_.shape == (8,)
    with pytest.warns(ConvergenceWarning, match="STAGNATED"):
        sampled = LpRegressor(p=1.5, solver="lp-sampled", random_state=1).fit(X, y)
    best, found = (lp_norm(model.predict(X) - y, 1.5) for model in (dense, sampled))
    assert best <= found < 1.02 * best
    several = SketchedLinearRegression().fit(X, np.column_stack([y, -2 * y]))
    np.testing.assert_allclose(several.coef_[1], -2 * several.coef_[0], rtol=1e-6)
    assert several.predict(X).shape == (4000, 2)
    with pytest.raises(ritz.InvalidProblem, match="rows and"):
        LpRegressor().fit(X[:5], y[:5])
