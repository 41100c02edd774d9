"""Data for l_p regression."""

from __future__ import annotations

import numpy as np

from ritz.arguments import check_integer, check_number, check_seed
from ritz.problem_types.lp_regression import LpRegression
from ritz.registry import problems

__all__ = ["lp_regression"]


@problems.register("lp-regression")
def lp_regression(
    n: int = 2000, d: int = 10, *, p: float = 1.0, degrees: float = 2.0, weight: float = 1.0, seed: int = 0
) -> LpRegression:
    r"""Return a regression problem in the l_p norm, with Gaussian A and heavy-tailed noise e in :math:`b=A1+e`.

    Parameters
    ----------
    n, d : int
        Numbers of rows and columns, ``n >= d``.
    p : float
        Exponent of the norm, at least 1, or inf.
    degrees : float
        Degrees of freedom of the noise, which has Student's t-distribution; 1 is the Cauchy distribution, and tails
        get lighter with more.
    weight : float
        Factor that a random tenth of the rows and their entries of b are multiplied by.
    seed : int
        Seed of the data.

    Examples
    --------
    >>> lp_regression(300, 5, p=1.5).shape
    (300, 5)
    """
    d = check_integer("d", d, least=1)
    n = check_integer("n", n, least=d)
    degrees, weight = check_number("degrees", degrees, above=0.0), check_number("weight", weight)
    generator = np.random.default_rng(check_seed(seed))
    A = generator.standard_normal((n, d))
    b = A.sum(axis=1) + generator.standard_t(degrees, n)
    weights = np.where(generator.random(n) < 0.1, weight, 1.0)
    return LpRegression(weights[:, None] * A, weights * b, p, name="lp-regression")
