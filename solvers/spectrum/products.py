"""Counted and checked products with a symmetric operator."""

from __future__ import annotations

from typing import Any

import numpy as np

from ritz.backend import asarray_like, is_torch_array
from ritz.errors import InvalidProblem
from ritz.operators import MatrixFree, Operator, Tag, aslinearoperator
from ritz.operators.checks import asymmetry

__all__ = ["Products", "in_kind_of"]


class Products:
    """A square symmetric operator that counts its products and raises an error if one is not finite.

    Results are float64 for any dtype of the operator, to keep inner products accurate; the operator itself is applied
    to vectors of its own dtype.

    Parameters
    ----------
    A : Operator, or anything `ritz.operators.aslinearoperator` takes
    caller : str
        Name of the function that needs symmetry, for the error message. Symmetry is tested by two uncounted products,
        unless the operator is symmetric by construction.

    Raises
    ------
    InvalidProblem
        If A is not square, not symmetric, or empty.
    """

    def __init__(self, A: Any, caller: str):
        self.operator: Operator = aslinearoperator(A)
        self.count = 0
        rows, columns = self.operator.shape
        if rows != columns or rows == 0:
            raise InvalidProblem(f"{caller} needs a square operator, and A has shape {(rows, columns)}")
        if isinstance(self.operator, MatrixFree) or Tag.SYMMETRIC not in self.operator.tags:
            self(np.random.default_rng(0).standard_normal(rows))  # reports NaN, which would look like asymmetry
            self.count = 0
            difference = asymmetry(self.operator)
            if difference:
                raise InvalidProblem(
                    f"{caller} needs a symmetric operator, and x.Ay differs from y.Ax by {difference:.1e} (relative):"
                    " take A.T @ A for singular values, or 0.5 * (A + A.T) for the symmetric part"
                )

    @property
    def size(self) -> int:
        """Number of rows."""
        return self.operator.shape[0]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return ``A x`` in float64 for a vector or a block of columns."""
        self.count += 1 if x.ndim == 1 else x.shape[1]
        with np.errstate(invalid="ignore", over="ignore"):  # checked below
            product = np.asarray(self.operator @ x.astype(self.operator.dtype, copy=False), dtype=np.float64)
        if not np.isfinite(product).all():
            raise InvalidProblem(
                f"a product with {self.operator!r} is not finite: its entries hold NaN or infinity, or overflow"
            )
        return product

    def in_blocks(self, x: np.ndarray, block: int) -> np.ndarray:
        """Return ``A x`` for a block of columns, at most `block` of them at a time."""
        parts = [self(x[:, first : first + block]) for first in range(0, x.shape[1], block)]
        return np.concatenate(parts, axis=1)


def in_kind_of(values: np.ndarray, reference: Any) -> Any:
    """Return `values` as a tensor if `reference` is one, otherwise unchanged."""
    return asarray_like(values, reference) if is_torch_array(reference) else values
