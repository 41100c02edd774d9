"""The base class of linear operators, and the properties that they may promise."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from copy import copy
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np

from ritz.backend import Array, asarray_like, is_torch_array
from ritz.errors import InvalidProblem
from ritz.operators.foreign_arrays import as_plain
from ritz.pickling import Picklable

if TYPE_CHECKING:
    from scipy.sparse import csr_array
    from scipy.sparse.linalg import LinearOperator

    from ritz.operators.nullspace import Nullspace

__all__ = ["Operator", "Tag"]

DENSE_LIMIT = 4096  # most columns for which an operator is assembled by applying it to the identity


class Tag(Enum):
    """A property that an operator promises."""

    SYMMETRIC = "symmetric"
    POSITIVE_DEFINITE = "positive definite"
    SEMIDEFINITE = "positive semidefinite"


class Operator(Picklable, ABC):
    """A real linear map ``(n,) -> (m,)``, applied with ``@`` to NumPy arrays and torch tensors.

    A subclass defines how it is applied (`_apply`, and `_apply_transpose` unless it is symmetric), sets `shape`,
    `dtype` and `tags`, and overrides whatever it can do better than the defaults. ``operator @ x`` takes arrays of
    shape ``(n,)`` or ``(n, k)`` and returns the same kind, NumPy or torch. SciPy's ``aslinearoperator`` and its solvers
    take an Operator as it is; only ``LinearOperator @ Operator`` needs `to_scipy`. torch can differentiate products
    with respect to `x`: the gradient is a product with the transpose.

    Attributes
    ----------
    shape : tuple of int
        Number of rows and columns.
    dtype : numpy.dtype
        dtype of the entries.
    tags : frozenset of Tag
        Promised properties. Solvers check those that are cheap to check; a broken promise leads to an error or a
        status.

    Examples
    --------
    >>> from ritz.operators import Diagonal
    >>> A = Diagonal(np.array([1.0, 2.0]))
    >>> ((2.0 * A + A @ A) @ np.ones(2)).tolist()
    [3.0, 8.0]
    """

    shape: tuple[int, int]
    dtype: np.dtype
    tags: frozenset[Tag]

    _given_nullspace: Nullspace | None = None
    _seen_by_torch = False  # whether torch can differentiate `_apply` itself
    __array_ufunc__ = None  # makes ndarray @ Operator and ndarray * Operator call the reflected methods below

    @abstractmethod
    def _apply(self, x: Array) -> Array:
        """Return ``A x`` for a vector or a block of columns, of the same kind (NumPy or torch) as `x`."""

    def _apply_transpose(self, x: Array) -> Array:
        if Tag.SYMMETRIC in self.tags:
            return self._apply(x)
        raise InvalidProblem(f"{self!r} has no transpose: it was given without one")

    def diagonal(self) -> np.ndarray:
        """Return the diagonal, shape ``(min(shape),)``."""
        return np.array(np.diagonal(self.to_dense()))

    def to_dense(self) -> np.ndarray:
        """Return the entries as a NumPy array; raises `InvalidProblem` for more than 4096 columns."""
        if self.shape[1] > DENSE_LIMIT:
            raise InvalidProblem(
                f"{self!r} is known by its products alone; {self.shape[1]} columns are too many to assemble it"
            )
        return self._apply(np.eye(self.shape[1], dtype=self.dtype))

    def to_sparse(self) -> csr_array:
        """Return the entries as a SciPy CSR array."""
        from scipy.sparse import csr_array

        return csr_array(self.to_dense())

    def to_scipy(self) -> LinearOperator:
        """Return a ``scipy.sparse.linalg.LinearOperator`` that applies this operator."""
        from scipy.sparse.linalg import LinearOperator

        make: Any = LinearOperator  # its constructor picks a subclass, which type checkers cannot follow
        return make(
            self.shape,
            matvec=self.matvec,
            rmatvec=self.rmatvec,
            matmat=self.matvec,
            rmatmat=self.rmatvec,
            dtype=self.dtype,
        )

    @property
    def nullspace(self) -> Nullspace | None:
        """The nullspace of a semidefinite operator if it is known, or None."""
        return self._given_nullspace

    def with_nullspace(self, nullspace: Nullspace) -> Operator:
        """Return the operator with a known nullspace."""
        from ritz.operators.matrix_free import MatrixFree
        from ritz.operators.sparse import Sparse

        if isinstance(self, Sparse) or type(self).nullspace is Operator.nullspace:
            other = copy(self)
        else:
            try:
                other = Sparse(self.to_sparse(), self.tags)
            except InvalidProblem:
                other = MatrixFree(self.matvec, self.shape, transpose=self.rmatvec, dtype=self.dtype, tags=self.tags)
        vars(other).pop("nullspace", None)
        other._given_nullspace = nullspace
        other.tags = self.tags - {Tag.POSITIVE_DEFINITE}
        return other

    def astype(self, dtype: Any) -> Operator:
        """Return the operator with its entries converted to another floating-point `dtype`."""
        if np.dtype(dtype) == self.dtype:
            return self
        raise InvalidProblem(f"{self!r} cannot be converted to {np.dtype(dtype)}")

    @property
    def T(self) -> Operator:  # noqa: N802
        """Transpose."""
        if Tag.SYMMETRIC in self.tags:
            return self
        from ritz.operators.composed import Transposed

        return Transposed(self)

    # SciPy's protocol for linear operators.
    def matvec(self, x: Array) -> Array:
        """Return ``A @ x``, under the name that SciPy calls."""
        return self @ x

    def rmatvec(self, x: Array) -> Array:
        """Return ``A.T @ x``, under the name that SciPy calls."""
        return self._checked(self._apply_transpose, self.matvec, x, self.shape[0])

    def __matmul__(self, other: Any) -> Any:
        if not isinstance(other, np.ndarray) and _is_operator(other):
            from ritz.operators.composed import Product
            from ritz.operators.convert import aslinearoperator

            return Product(self, aslinearoperator(other))
        return self._checked(self._apply, self.rmatvec, other, self.shape[1])

    def __rmatmul__(self, other: Any) -> Any:
        if _is_operator(other):
            from ritz.operators.convert import aslinearoperator

            return aslinearoperator(other) @ self
        other = other if is_torch_array(other) else np.asarray(other)
        return self.rmatvec(other) if other.ndim == 1 else self.rmatvec(other.T).T

    def __add__(self, other: Any) -> Operator:
        from ritz.operators.composed import Sum
        from ritz.operators.convert import aslinearoperator

        return Sum(self, aslinearoperator(other))

    __radd__ = __add__

    def __mul__(self, factor: float) -> Operator:
        from ritz.operators.composed import Scaled

        if isinstance(factor, Operator) or np.ndim(factor):
            raise InvalidProblem(f"{self!r} was multiplied by {factor!r}; * scales by a number, @ multiplies")
        return Scaled(self, factor)

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> Operator:
        return self * (1.0 / float(divisor))

    def __neg__(self) -> Operator:
        return self * -1.0

    def __sub__(self, other: Any) -> Operator:
        from ritz.operators.convert import aslinearoperator

        return self + -aslinearoperator(other)

    def __rsub__(self, other: Any) -> Operator:
        return -self + other

    def __repr__(self) -> str:
        tags = ", ".join(sorted(tag.value for tag in self.tags))
        return f"{type(self).__name__}({self.shape[0]} x {self.shape[1]}, {self.dtype}{', ' + tags if tags else ''})"

    def _checked(self, apply: Any, transpose: Any, x: Any, length: int) -> Array:
        x = _floating(x, self)
        if x.ndim not in (1, 2) or x.shape[0] != length:
            raise InvalidProblem(
                f"{self!r} was applied to an array of shape {tuple(x.shape)}; it takes ({length},) or ({length}, k)"
            )
        if is_torch_array(x) and x.requires_grad and not self._seen_by_torch:
            from ritz.operators.gradients import LinearMap

            return LinearMap.apply(x, apply, transpose)
        return apply(x)


def real_entries(matrix: Any, dimension: int = 2, name: str = "operator") -> Any:
    """Return a NumPy or SciPy sparse array with real entries in float32 or float64; integers are converted.

    Raises
    ------
    InvalidProblem
        If entries are complex, half precision, extended precision or not numbers, or the number of dimensions is wrong.
    """
    if matrix.ndim != dimension:
        raise InvalidProblem(f"{name} has shape {matrix.shape}; its entries form an array of {dimension} dimension(s)")
    if matrix.dtype.kind in "biu":
        return matrix.astype(np.float64)
    if not matrix.dtype.isnative:
        matrix = matrix.astype(matrix.dtype.newbyteorder("="))
    if matrix.dtype not in (np.float32, np.float64):
        raise InvalidProblem(
            f"{name} has dtype {matrix.dtype}; Ritz solves real systems in float32 or float64 (write a complex"
            " system as the real block system [[Re, -Im], [Im, Re]])"
        )
    return matrix


class Tensors:
    """Arrays of an operator as torch tensors, which are sent only once per device and dtype."""

    def __init__(self):
        self._sent: dict[Any, Any] = {}

    def like(self, x: Any, name: str, make: Callable[[], Any]) -> Any:
        """Return the tensors that `make` creates for the device and dtype of `x`, calling it only once per `name`."""
        key = (name, x.device, x.dtype)
        if key not in self._sent:
            self._sent[key] = make()
        return self._sent[key]


def through_numpy(function: Any, x: Array) -> Array:
    """Apply a NumPy function to `x`; torch tensors are converted to NumPy and back."""
    if is_torch_array(x):
        return asarray_like(function(x.detach().cpu().numpy()), x)
    return function(x)


def _floating(x: Any, operator: Operator) -> Array:
    if is_torch_array(x):
        if not (x.is_floating_point() or x.is_complex()):
            import torch

            return x.to(getattr(torch, operator.dtype.name))
        real = x.is_floating_point()
    else:
        if type(x) is not np.ndarray or not x.dtype.isnative:
            x = as_plain(x, "x")
        if x.dtype.kind in "biu":
            return x.astype(operator.dtype)
        real = x.dtype.kind == "f"
    if not real:
        raise InvalidProblem(f"{operator!r} was applied to an array of dtype {x.dtype}; it takes real numbers")
    return x


def _is_operator(other: Any) -> bool:
    if isinstance(other, Operator):
        return True
    from scipy.sparse import issparse
    from scipy.sparse.linalg import LinearOperator

    return issparse(other) or isinstance(other, LinearOperator)
