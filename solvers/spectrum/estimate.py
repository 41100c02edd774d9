"""A number that is known up to chance, with how far off it may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Estimate", "from_samples"]


@dataclass(frozen=True)
class Estimate:
    """What a stochastic method found.

    Attributes
    ----------
    value : float, or array
        The estimate.
    standard_error : float, or array
        Standard deviation of `value` over the choice of probes, itself estimated from the spread between them; 0
        where the value is exact, infinite where there was one probe.
    products : int
        Products with the operator that it took.
    converged : bool
        Whether the standard error is within the tolerance asked for.
    method : str
        How it was found.

    Examples
    --------
    >>> print(Estimate(12.0, 0.05, 48, True, "xtrace"))
    12 ± 0.05 (xtrace, 48 products)
    """

    value: Any
    standard_error: Any
    products: int
    converged: bool
    method: str

    def __float__(self) -> float:
        return float(self.value)

    def __str__(self) -> str:
        if np.ndim(self.value):
            known = f"{np.shape(self.value)[0]} values"
        else:
            known = f"{self.value:.6g} ± {self.standard_error:.1g}"
        return f"{known} ({self.method}, {self.products} products{'' if self.converged else ', NOT converged'})"


def from_samples(
    samples: np.ndarray, products: int, method: str, *, rtol: float, scale: float | None = None
) -> Estimate:
    """Return the mean of independent (or exchangeable) samples with its standard error.

    Parameters
    ----------
    samples : ndarray, shape (m,)
    products : int
    method : str
    rtol : float
        The estimate has converged if the standard error is at most `rtol` times `scale`.
    scale : float, optional
        The size of the mean if left out.
    """
    value = float(samples.mean())
    error = float(samples.std(ddof=1) / len(samples) ** 0.5) if len(samples) > 1 else np.inf
    return Estimate(value, error, products, error <= rtol * (abs(value) if scale is None else scale), method)
