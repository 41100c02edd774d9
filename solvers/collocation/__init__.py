"""Solvers of a PDE that ask the equation to hold at nodes of a grid."""

from .chebyshev import Chebyshev
from .finite_difference import FiniteDifference

__all__ = ["Chebyshev", "FiniteDifference"]
