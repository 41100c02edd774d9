"""Regression of basis coefficients on the parameters, for full models without known equations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ritz.arguments import check_seed
from ritz.errors import InvalidProblem

__all__ = ["CoefficientRegression", "fit_regression"]

KERNELS = (("cubic", 1), ("thin_plate_spline", 1), ("linear", 0), ("quintic", 2))  # with polynomial degrees
FOLDS = 5
SLACK = 1.0  # how far logarithms of norms may lie outside the range of the training data


@dataclass(frozen=True, eq=False)
class CoefficientRegression:
    """The two radial basis function interpolants that predict held-out coefficients best.

    Parameters
    ----------
    first, second : callable
        Map points in the unit box, shape (count, p), to coefficients, shape (count, size).
    kinds : tuple
        For each interpolant its kernel, and whether it interpolates the logarithms of the norms and the directions
        separately.
    errors : ndarray, shape (count,)
        Relative error of the first kind at each training point in cross-validation; NaN if it was not run.
    """

    first: Any
    second: Any
    kinds: tuple[tuple[str, bool], tuple[str, bool]]
    errors: np.ndarray

    def __call__(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return coefficients, shape (count, size), and the distance of both interpolants, shape (count,)."""
        best, other = self.first(points), self.second(points)
        return best, np.linalg.norm(best - other, axis=1)


def fit_regression(
    points: Any, coefficients: Any, *, kinds: tuple[tuple[str, bool], ...] | None = None, seed: int = 0
) -> CoefficientRegression:
    """Return interpolants of coefficients, chosen by cross-validation among kernels and scalings.

    If the norms of solutions vary over decades, interpolating their logarithms and the directions separately keeps
    small solutions accurate; if solutions change sign, it fails. Cross-validation decides. This is the projection
    followed by regression of :cite:`HesthavenUbbiali2018`, with radial basis functions. O(count^3).

    Parameters
    ----------
    points : array, shape (count, p)
        Parameters in the unit box, all distinct.
    coefficients : array, shape (count, size)
        Real or complex.
    kinds : tuple, optional
        Two kinds chosen earlier, to skip cross-validation.
    seed : int
        Seed of the folds.

    Raises
    ------
    InvalidProblem
        If there are fewer than p + 3 points, or shapes do not fit.

    Examples
    --------
    >>> x = np.linspace(0.0, 1.0, 20)[:, None]
    >>> model = fit_regression(x, np.hstack([np.exp(3 * x), np.sin(x)]))
    >>> prediction, spread = model(np.array([[0.33]]))
    >>> bool(np.allclose(prediction, [[np.exp(0.99), np.sin(0.33)]], atol=1e-3)), bool(spread[0] < 1e-2)
    (True, True)
    """
    x, y = np.asarray(points, dtype=np.float64), np.asarray(coefficients)
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y):
        raise InvalidProblem(f"points have shape {x.shape} and coefficients {y.shape}; give one row per snapshot")
    if len(x) < x.shape[1] + 3:
        raise InvalidProblem(f"{len(x)} snapshots of {x.shape[1]} parameters: a regression needs {x.shape[1] + 3}")
    errors = np.full(len(x), np.nan)
    if kinds is None:
        kinds, errors = _ranked(x, y, seed)
    return CoefficientRegression(_interpolant(x, y, kinds[0]), _interpolant(x, y, kinds[1]), kinds[:2], errors)  # type: ignore


def _ranked(x: np.ndarray, y: np.ndarray, seed: int) -> tuple[tuple[tuple[str, bool], ...], np.ndarray]:
    folds = np.random.default_rng(check_seed(seed)).permutation(len(x)) % FOLDS
    sizes = np.linalg.norm(y, axis=1)
    errors: dict[tuple[str, bool], np.ndarray] = {}
    for kernel, _ in KERNELS:
        for scaled in (False, True) if sizes.all() else (False,):
            wrong = np.zeros(len(x))
            for fold in range(FOLDS):
                held = folds == fold
                try:
                    predicted = _interpolant(x[~held], y[~held], (kernel, scaled))(x[held])
                except (np.linalg.LinAlgError, ValueError):  # too few points for the polynomial, or all on a line
                    wrong[:] = np.inf
                    break
                wrong[held] = np.linalg.norm(predicted - y[held], axis=1) / np.maximum(sizes[held], 1e-300)
            if np.isfinite(wrong).all():
                errors[kernel, scaled] = wrong
    if len(errors) < 2:
        raise InvalidProblem("the parameters of the snapshots lie on a line or plane: sample the whole range")
    ranked = sorted(errors, key=lambda kind: float(errors[kind].mean()))
    other = next(kind for kind in ranked if kind[0] != ranked[0][0])
    return (ranked[0], other), errors[ranked[0]]


def _interpolant(x: np.ndarray, y: np.ndarray, kind: tuple[str, bool]) -> Any:
    from scipy.interpolate import RBFInterpolator

    kernel, scaled = kind
    degree = dict(KERNELS)[kernel]
    if not scaled:
        return RBFInterpolator(x, y, kernel=kernel, degree=degree)
    sizes = np.linalg.norm(y, axis=1)
    direction = RBFInterpolator(x, y / sizes[:, None], kernel=kernel, degree=degree)
    logarithms = np.log(sizes)
    size = RBFInterpolator(x, logarithms, kernel=kernel, degree=degree)
    low, high = logarithms.min() - SLACK, logarithms.max() + SLACK
    return lambda points: np.exp(np.clip(size(points), low, high))[:, None] * direction(points)
