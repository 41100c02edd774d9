"""Stochastic estimates with standard errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Estimate", "from_samples"]


@dataclass(frozen=True)
class Estimate:
    """Result of a stochastic method.

    Attributes
    ----------
    value : float, or array
        The estimate.
    standard_error : float, or array
        Standard deviation of `value` over random probes, estimated from their spread; 0 if the value is exact, infinite
        if there was only one probe.
    products : int
        Number of products with the operator.
    converged : bool
        Whether the standard error is within the requested tolerance.
    method : str
        Name of the method.

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
        The absolute value of the mean by default.
    """
    value = float(samples.mean())
    error = float(samples.std(ddof=1) / len(samples) ** 0.5) if len(samples) > 1 else np.inf
    return Estimate(value, error, products, error <= rtol * (abs(value) if scale is None else scale), method)
