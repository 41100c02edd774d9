"""Approximate inverses for the Krylov methods, by name.

A preconditioner is registered as a frozen dataclass with ``build(operator) -> Operator``: the approximate inverse.
"""

from .algebraic_multigrid import RugeStuben, SmoothedAggregation
from .bootstrap_amg import BootstrapAMG
from .build import PreconditionerLike, build_preconditioner
from .incomplete_cholesky import IncompleteCholesky, ModifiedIncompleteCholesky
from .incomplete_lu import IncompleteLU
from .jacobi import Jacobi
from .symmetric_gauss_seidel import SymmetricGaussSeidel

__all__ = [
    "BootstrapAMG",
    "IncompleteCholesky",
    "IncompleteLU",
    "Jacobi",
    "ModifiedIncompleteCholesky",
    "PreconditionerLike",
    "RugeStuben",
    "SmoothedAggregation",
    "SymmetricGaussSeidel",
    "build_preconditioner",
]
