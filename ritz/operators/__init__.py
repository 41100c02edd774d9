"""Everything linear: matrices, stencils, Kronecker products, and what is built from them.

Derivatives of torch functions are imported when they are first used, because torch is slow to import.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ritz.operators.composed import Product, Scaled, Sum, Transposed
from ritz.operators.convert import aslinearoperator
from ritz.operators.dense import Dense
from ritz.operators.diagonal import Diagonal
from ritz.operators.kronecker import Kronecker, KroneckerSum
from ritz.operators.lowrank import LowRank
from ritz.operators.matrix_free import MatrixFree
from ritz.operators.nullspace import Nullspace
from ritz.operators.operator import Operator, Tag
from ritz.operators.sparse import Sparse
from ritz.operators.stencil import Stencil

if TYPE_CHECKING:
    from ritz.operators.empirical_fisher import EmpiricalFisher
    from ritz.operators.gauss_newton import GaussNewton
    from ritz.operators.hessian import Hessian
    from ritz.operators.jacobian import Jacobian

_LATER = {
    "EmpiricalFisher": "empirical_fisher",
    "GaussNewton": "gauss_newton",
    "Hessian": "hessian",
    "Jacobian": "jacobian",
}

__all__ = [
    "Dense",
    "Diagonal",
    "EmpiricalFisher",
    "GaussNewton",
    "Hessian",
    "Jacobian",
    "Kronecker",
    "KroneckerSum",
    "LowRank",
    "MatrixFree",
    "Nullspace",
    "Operator",
    "Product",
    "Scaled",
    "Sparse",
    "Stencil",
    "Sum",
    "Tag",
    "Transposed",
    "aslinearoperator",
]


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(importlib.import_module(f"ritz.operators.{_LATER[name]}"), name)
    raise AttributeError(f"module 'ritz.operators' has no attribute {name!r}")
