"""Iterative methods on Krylov subspaces: one a file, written once for NumPy and torch."""

from .bicgstab import BiCGStab
from .conjugate_gradients import ConjugateGradients
from .deflated_conjugate_gradients import DeflatedConjugateGradients
from .flexible_conjugate_gradients import FlexibleConjugateGradients
from .gmres import GMRES
from .lsmr import LSMR
from .minres import MINRES

__all__ = [
    "GMRES",
    "LSMR",
    "MINRES",
    "BiCGStab",
    "ConjugateGradients",
    "DeflatedConjugateGradients",
    "FlexibleConjugateGradients",
]
