"""Bayesian linear model of features, in square-root form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["WeightPosterior", "condition_weights"]

SMALLEST, LARGEST = -14.5, 2.0  # decimal logarithm of the noise, relative to prior times largest singular value


@dataclass(frozen=True, eq=False)
class WeightPosterior:
    r"""The posterior of weights z with prior :math:`N(0,s^2I)` given :math:`y=Az+N(0,\tau^2I)`.

    The singular value decomposition of A keeps the mean accurate to rounding where forming a Gram matrix would lose
    all digits.

    Parameters
    ----------
    mean : ndarray, shape (m,)
    right : ndarray, shape (r, m)
        Right singular vectors of A.
    shrunk : ndarray, shape (r,)
        Posterior standard deviation along each singular vector, relative to that of the prior.
    scale : float
        Standard deviation s of the prior, which maximises the evidence.
    noise : float
        Standard deviation of the noise.
    log_evidence : float
        Log density of y.
    condition : float
        Ratio of the largest to the smallest singular value that counts.
    """

    mean: np.ndarray
    right: np.ndarray
    shrunk: np.ndarray
    scale: float
    noise: float
    log_evidence: float
    condition: float

    def variance(self, rows: np.ndarray) -> np.ndarray:
        """Return the posterior variance of ``rows @ z``, shape (P,)."""
        along = rows @ self.right.T
        unseen = np.maximum((rows**2).sum(axis=1) - (along**2).sum(axis=1), 0.0)
        if len(self.right) == rows.shape[1]:
            unseen = 0.0  # the difference is rounding
        return self.scale**2 * (unseen + ((along * self.shrunk) ** 2).sum(axis=1))

    def sample(self, count: int, generator: np.random.Generator) -> np.ndarray:
        """Return draws of the weights, shape (count, m)."""
        normal = generator.standard_normal((count, self.right.shape[1]))
        along = normal @ self.right.T
        return self.mean + self.scale * (normal - (along * (1.0 - self.shrunk)) @ self.right)


def condition_weights(A: np.ndarray, y: np.ndarray, noise: float | None = None) -> WeightPosterior:
    """Return the posterior of the weights of features in O(N m min(N, m)) time.

    The scale of the prior maximises the evidence.

    Parameters
    ----------
    A : ndarray, shape (N, m)
        Features at the data points, scaled by their prior.
    y : ndarray, shape (N,)
    noise : float, optional
        Standard deviation of the noise of y. By default it maximises the evidence: the part of y that the features
        cannot represent counts as noise, and if there is none, the noise is at the level of rounding.

    Examples
    --------
    >>> x = np.linspace(-1.0, 1.0, 50)
    >>> A = np.stack([np.ones(50), x, x**2], axis=1)
    >>> condition_weights(A, 3.0 - x**2).mean.round(10).tolist()
    [3.0, 0.0, -1.0]
    """
    from scipy.linalg import svd

    left, singular, right = svd(A, full_matrices=False, check_finite=False)
    spectrum = _ProjectedData.of(left, singular, y)
    ratio, log_evidence, scale = spectrum.best(noise)
    counted = singular[singular > ratio]
    return WeightPosterior(
        mean=right.T @ (singular / (singular**2 + ratio**2) * spectrum.along),
        right=right,
        shrunk=ratio / np.sqrt(singular**2 + ratio**2),
        scale=scale,
        noise=scale * ratio,
        log_evidence=log_evidence,
        condition=float(counted[0] / counted[-1]) if len(counted) else np.inf,
    )


@dataclass(frozen=True, eq=False)
class _ProjectedData:
    """Data projected on the left singular vectors of the features, and the squared norm of the remainder."""

    singular: np.ndarray
    along: np.ndarray
    rows: int
    rest: float

    @classmethod
    def of(cls, left: np.ndarray, singular: np.ndarray, data: np.ndarray) -> _ProjectedData:
        along = left.T @ data
        return cls(singular, along, len(data), float(np.linalg.norm(data - left @ along) ** 2))

    def best(self, noise: float | None) -> tuple[float, float, float]:
        """Return the ratio of noise to prior of largest evidence, the log evidence, and the scale of the prior."""
        largest = float(self.singular[0]) or 1.0

        def evidence(exponent: float) -> tuple[float, float, float]:
            ratio = largest * 10.0**exponent
            return ratio, *self._evidence(ratio, None if noise is None else noise / ratio)

        return evidence(_minimum(lambda exponent: -evidence(exponent)[1]))

    def _evidence(self, ratio: float, scale: float | None) -> tuple[float, float]:
        """Return the log evidence for a ratio of noise to prior, and the scale of the prior, optimised if None."""
        variances = self.singular**2 + ratio**2
        free = self.rows - len(self.singular)
        fit = float((self.along**2 / variances).sum()) + (self.rest / ratio**2 if free > 0 else 0.0)
        width = (fit / self.rows) ** 0.5 if scale is None else scale
        if width == 0.0:
            return np.inf, 0.0
        logarithms = float(np.log(variances).sum()) + 2 * free * np.log(ratio)
        return -0.5 * (self.rows * np.log(2 * np.pi * width**2) + logarithms + fit / width**2), width


def _minimum(function: Callable[[float], float]) -> float:
    """Return the minimiser of `function` between `SMALLEST` and `LARGEST`."""
    from scipy.optimize import minimize_scalar

    tested = np.linspace(SMALLEST, LARGEST, 49)
    values = [function(point) for point in tested]
    if not np.isfinite(values).all():
        return SMALLEST
    best, step = tested[int(np.argmin(values))], tested[1] - tested[0]
    bounds = (max(best - step, SMALLEST), min(best + step, LARGEST))
    found: Any = minimize_scalar(function, bounds=bounds, method="bounded", options={"xatol": 1e-3})
    return float(found.x)
