"""Everything linear: matrices, stencils, Kronecker products, and what is built from them."""

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

__all__ = [
    "Dense",
    "Diagonal",
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
