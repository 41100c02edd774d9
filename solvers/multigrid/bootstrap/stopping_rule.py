"""When one hierarchy more takes less time than it saves."""

from __future__ import annotations

import math

__all__ = ["rate_worth_another"]

SETUP = 30.0  # cycles that take as long as building a hierarchy and testing it does: 20 to 30 on diffusion and graphs
HOPED = 0.5  # rate with one more, if all goes well
REDUCTION = 1e-8  # of the error, in the one solve that has to pay for it


def rate_worth_another(cycles: int, more: int) -> float:
    r"""Return the rate above which a composite had better get another hierarchy, for one right-hand side.

    The eigenvalues of the operator times a symmetric composite of rate :math:`\rho` lie between :math:`1-\rho` and 1,
    so m iterations of conjugate gradients reduce the energy norm of the error to :math:`2c^m`, where
    :math:`c=(\sqrt\kappa-1)/(\sqrt\kappa+1)` and :math:`\kappa=1/(1-\rho)`. Another hierarchy pays where those
    iterations take more cycles than building it and the iterations that are left then.

    Parameters
    ----------
    cycles, more : int
        Cycles of an application, and of one with another hierarchy.

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
