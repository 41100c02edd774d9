"""Posterior of linear features in square-root form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

__all__ = ["SquareRoot", "square_root"]

ROUNDING = 1e-14  # standard deviation of the noise of exact data, by the largest singular value
RATIOS = (-14.0, 2.0)  # logarithms of the ratio of noise to signal that the evidence is looked at


@dataclass(frozen=True, eq=False)
class SquareRoot:
    r"""The posterior of weights z with prior :math:`N(0,s^2I)` given :math:`y=Az+N(0,\tau^2I)`.

    Nothing is squared: with the singular values of A the mean is accurate to rounding where a Gram matrix loses all
    its digits.

    Parameters
    ----------
    mean : ndarray, shape (m,)
    right : ndarray, shape (r, m)
        Right singular vectors of A.
    shrunk : ndarray, shape (r,)
        Standard deviation that is left along each of them, relative to the prior's.
    scale : float
        Standard deviation s of the prior, by the evidence.
    noise : float
        Standard deviation of the noise.
    log_evidence : float
        Log density of y.
    condition : float
        Ratio of the largest singular value to the smallest that counts.
    """

    mean: np.ndarray
    right: np.ndarray
    shrunk: np.ndarray
    scale: float
    noise: float
    log_evidence: float
    condition: float

    def variance(self, rows: np.ndarray) -> np.ndarray:
        """Return the posterior variance of ``rows @ z``, ``(P,)``."""
        along = rows @ self.right.T
        unseen = np.maximum((rows**2).sum(axis=1) - (along**2).sum(axis=1), 0.0)
        if len(self.right) == rows.shape[1]:
            unseen = 0.0  # all else is rounding
        return self.scale**2 * (unseen + ((along * self.shrunk) ** 2).sum(axis=1))

    def sample(self, count: int, generator: np.random.Generator) -> np.ndarray:
        """Return draws of the weights, ``(count, m)``."""
        normal = generator.standard_normal((count, self.right.shape[1]))
        along = normal @ self.right.T
        return self.mean + self.scale * (normal - (along * (1.0 - self.shrunk)) @ self.right)


def square_root(A: np.ndarray, y: np.ndarray, noise: float | Literal["learn"] = 0.0) -> SquareRoot:
    """Return the posterior of the weights of features.

    The scale of the prior maximises the evidence. O(N m min(N, m)) time.

    Parameters
    ----------
    A : ndarray, shape (N, m)
        Features at the data, scaled by their prior.
    y : ndarray, shape (N,)
    noise : float or "learn"
        Standard deviation of the noise of y; 0 stands for rounding, ``"learn"`` for the evidence's choice.

    Examples
    --------
    >>> x = np.linspace(-1.0, 1.0, 50)
    >>> A = np.stack([np.ones(50), x, x**2], axis=1)
    >>> square_root(A, 3.0 - x**2).mean.round(10).tolist()
    [3.0, 0.0, -1.0]
    """
    from scipy.linalg import svd
    from scipy.optimize import minimize_scalar

    left, singular, right = svd(A, full_matrices=False, check_finite=False)
    along = left.T @ y
    rest = float(np.linalg.norm(y - left @ along) ** 2)
    largest = float(singular[0]) or 1.0
    count, rank = len(y), len(singular)

    def evidence(ratio: float, scale: float | None = None) -> tuple[float, float]:
        """Return the log evidence and the scale of the prior, for a ratio of noise to it."""
        variances = singular**2 + ratio**2
        fit = float((along**2 / variances).sum()) + (rest / ratio**2 if count > rank else 0.0)
        scale = np.sqrt(fit / count) if scale is None else scale
        if not scale:
            return np.inf, 0.0
        logarithms = float(np.log(variances).sum()) + 2 * (count - rank) * np.log(ratio)
        return -0.5 * (count * np.log(2 * np.pi * scale**2) + logarithms + fit / scale**2), float(scale)

    def best(of_logarithm) -> float:
        tested = np.linspace(*RATIOS, 49)
        values = [of_logarithm(point) for point in tested]
        middle = tested[int(np.argmin(values))]
        step = tested[1] - tested[0]
        return float(minimize_scalar(of_logarithm, bounds=(middle - step, middle + step), method="bounded").x)  # pyright: ignore

    if noise == "learn":
        ratio = largest * 10 ** best(lambda p: -evidence(largest * 10**p)[0])
    elif noise:
        ratio = largest * 10 ** best(lambda p: -evidence(largest * 10**p, float(noise) / (largest * 10**p))[0])
    else:
        ratio = ROUNDING * largest
    value, scale = evidence(ratio, float(noise) / ratio if noise and noise != "learn" else None)
    filtered = singular / (singular**2 + ratio**2)
    counted = singular[singular > ratio]
    return SquareRoot(
        mean=right.T @ (filtered * along),
        right=right,
        shrunk=ratio / np.sqrt(singular**2 + ratio**2),
        scale=scale,
        noise=scale * ratio,
        log_evidence=value,
        condition=float(counted[0] / counted[-1]) if len(counted) else np.inf,
    )
