"""Solvers that factorise: one right-hand side costs a forward and a backward sweep."""

from .cholesky import Cholesky
from .cholmod import Cholmod
from .lu import LU
from .transform import Transform
from .tridiagonal_transform import TridiagonalTransform

__all__ = ["LU", "Cholesky", "Cholmod", "Transform", "TridiagonalTransform"]
