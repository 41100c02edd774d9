"""Coefficients of a basis as functions of the parameters, for full models that can only be called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ritz.errors import InvalidProblem

__all__ = ["CoefficientRegression", "fit_regression"]

KERNELS = (("cubic", 1), ("thin_plate_spline", 1), ("linear", 0), ("quintic", 2))  # and degrees of their polynomials
FOLDS = 5
SLACK = 1.0  # by which logarithms of sizes may leave the range of those that were seen


@dataclass(frozen=True, eq=False)
class CoefficientRegression:
    """The two interpolants by radial basis functions that predicted held-out coefficients best.

    Parameters
    ----------
    first, second : callable
        ``points (count, p) -> coefficients (count, size)``, points in the unit box.
    kinds : tuple
        Kernel of each, and whether it interpolates sizes (logarithms of the norms) and directions apart.
    error : float
        Mean relative error of the first in cross-validation.
    """

    first: Any
    second: Any
    kinds: tuple[tuple[str, bool], tuple[str, bool]]
    error: float

    def __call__(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return coefficients, shape (count, size), and how far both interpolants differ, shape (count,)."""
        best, other = self.first(points), self.second(points)
        return best, np.linalg.norm(best - other, axis=1)


def fit_regression(
    points: Any, coefficients: Any, *, kinds: tuple[tuple[str, bool], ...] | None = None, seed: int = 0
) -> CoefficientRegression:
    """Return interpolants of coefficients, chosen by cross-validation from kernels and scalings.

    Where the size of solutions varies by decades, interpolating its logarithm and the direction apart keeps small
    solutions accurate; where solutions change sign it must not be done. Cross-validation tells. Radial basis functions
    after :cite:`HesthavenUbbiali2018`'s scheme of a projection followed by a regression. O(count^3).

    Parameters
    ----------
    points : array, shape (count, p)
        Parameters in the unit box, no two the same.
    coefficients : array, shape (count, size)
        Real or complex.
    kinds : tuple, optional
        Two of them that were chosen before, instead of cross-validation.
    seed : int
        Of the folds.

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
        raise InvalidProblem(f"points have shape {x.shape} and coefficients {y.shape}; give a row for each snapshot")
    if len(x) < x.shape[1] + 3:
        raise InvalidProblem(f"{len(x)} snapshots of {x.shape[1]} parameters: a regression needs {x.shape[1] + 3}")
    error = np.nan
    if kinds is None:
        kinds, error = _ranked(x, y, seed)
    return CoefficientRegression(_interpolant(x, y, kinds[0]), _interpolant(x, y, kinds[1]), kinds[:2], error)  # type: ignore


def _ranked(x: np.ndarray, y: np.ndarray, seed: int) -> tuple[tuple[tuple[str, bool], ...], float]:
    folds = np.random.default_rng(seed).permutation(len(x)) % FOLDS
    sizes = np.linalg.norm(y, axis=1)
    errors: dict[tuple[str, bool], float] = {}
    for kernel, _ in KERNELS:
        for scaled in (False, True) if sizes.all() else (False,):
            wrong = np.zeros(len(x))
            for fold in range(FOLDS):
                held = folds == fold
                try:
                    predicted = _interpolant(x[~held], y[~held], (kernel, scaled))(x[held])
                except (np.linalg.LinAlgError, ValueError):  # too few points for the polynomial, or on a line
                    wrong[:] = np.inf
                    break
                wrong[held] = np.linalg.norm(predicted - y[held], axis=1) / np.maximum(sizes[held], 1e-300)
            if np.isfinite(wrong).all():
                errors[kernel, scaled] = float(wrong.mean())
    if len(errors) < 2:
        raise InvalidProblem("the parameters of the snapshots lie on a line or plane: sample them all over their range")
    ranked = sorted(errors, key=lambda kind: errors[kind])
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
