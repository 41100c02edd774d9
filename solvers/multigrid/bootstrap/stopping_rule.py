"""Stopping rule for adding hierarchies: another one must save more time than it costs."""

from __future__ import annotations

import math

__all__ = ["rate_worth_another"]

SETUP = 30.0  # cost of building and testing a hierarchy, in cycles; 20 to 30 for diffusion and graphs
HOPED = 0.5  # optimistic rate with another hierarchy
REDUCTION = 1e-8  # reduction of the error in the solve for which another hierarchy must pay


def rate_worth_another(cycles: int, more: int) -> float:
    r"""Return the rate above which another hierarchy pays for a single right-hand side.

    The eigenvalues of the operator times a symmetric composite of rate :math:`\rho` lie between :math:`1-\rho` and 1,
    so m iterations of conjugate gradients reduce the energy norm of the error by :math:`2c^m`, where
    :math:`c=(\sqrt\kappa-1)/(\sqrt\kappa+1)` and :math:`\kappa=1/(1-\rho)`. Another hierarchy pays if these
    iterations take more cycles than building it and iterating with it.

    Parameters
    ----------
    cycles, more : int
        Cycles per application without and with another hierarchy.

    Examples
    --------
    >>> [round(rate_worth_another(cycles, cycles + 2), 2) for cycles in (1, 3, 5)]
    [0.98, 0.89, 0.82]
    """
    digits = math.log(2.0 / REDUCTION)
    root = (1.0 - HOPED) ** -0.5
    hoped = digits / math.log((root + 1.0) / (root - 1.0))
    factor = math.exp(-digits * cycles / (SETUP + hoped * more))
    return 1.0 - ((1.0 - factor) / (1.0 + factor)) ** 2
