"""Stochastic estimates with standard errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri, stdtrit

from ritz.arguments import check_integer, check_number

__all__ = ["Estimate", "check_options", "enlarged", "standard_error", "truncation_error"]

COVERED = 0.975  # of a normal or Student's distribution lies below its two-sided 95 % limit
LOGARITHM = np.log(5 / 4) / np.log(4 / 3)  # change in the last fifth over that in the fifth before for a logarithm
ROUNDED, SETTLED = 1e-10, 1e-3  # relative changes that are rounding errors, and that are small


@dataclass(frozen=True)
class Estimate:
    """Result of a stochastic method.

    Attributes
    ----------
    value : float, or array
        The estimate.
    standard_error : float, or array
        Standard deviation of `value` over random probes, estimated from their spread and enlarged if there are few, so
        that twice the error covers 95 % of the cases; 0 if the value is exact, infinite if there was only one probe.
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


def enlarged(deviation: Any, freedom: int) -> Any:
    """Return a standard deviation enlarged so that two of it cover 95 % if it was estimated from few samples.

    Parameters
    ----------
    deviation : float or array
    freedom : int
        Degrees of freedom of the estimate; infinite errors are returned for none.
    """
    if freedom < 1:
        return np.full(np.shape(deviation), np.inf)[()]
    return deviation * (stdtrit(freedom, COVERED) / ndtri(COVERED))


def standard_error(samples: np.ndarray) -> float:
    """Return the standard error of the mean of independent samples, infinite for a single one."""
    count = len(samples)
    deviation = float(samples.std(ddof=1)) if count > 1 else 0.0
    return float(enlarged(deviation / count**0.5, count - 1))


def truncation_error(values: Sequence[float], scale: float) -> float:
    """Return the error of a quadrature from its values with all steps and with one and two fifths of them left out.

    The changes are extrapolated as those of a negative power of the number of steps, which errs on the safe side if
    they fall faster. If they fall slower than any power and are not small, the error is unknown and infinite.

    Parameters
    ----------
    values : sequence of float
        One to three values.
    scale : float
        Mean absolute value of the function, which decides on rounding errors.
    """
    if len(values) < 2 or not np.isfinite(values).all():
        return np.inf
    last = abs(values[0] - values[1])
    before = abs(values[1] - values[2]) if len(values) > 2 else np.inf
    if last <= ROUNDED * scale:
        return last
    room = LOGARITHM * before - last
    if room > 0.0:
        return last * max(1.2 * last / room, 1.0)  # within 5 % for powers from 1/2 to 2
    return 30.0 * last if last <= SETTLED * scale else np.inf


def check_options(rtol: Any, block: Any) -> None:
    """Raise `InvalidProblem` if an option of an estimator is out of range."""
    check_number("rtol", rtol, least=0.0)
    check_integer("block", block)
