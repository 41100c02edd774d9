"""Products with a symmetric operator, counted and looked at."""

from __future__ import annotations

from typing import Any

import numpy as np

from ritz.backend import asarray_like, is_torch_array
from ritz.errors import InvalidProblem
from ritz.operators import MatrixFree, Operator, Tag, aslinearoperator
from ritz.operators.checks import asymmetry

__all__ = ["Products", "at_least_one", "in_kind_of"]


class Products:
    """A square symmetric operator that counts its products and refuses to return what is not finite.

    Vectors are float64 whatever the dtype of the operator, so that inner products lose nothing; the operator is given
    vectors of its own dtype.

    Parameters
    ----------
    A : Operator, or anything `ritz.operators.aslinearoperator` takes
    caller : str
        What needs the symmetry, for the message. Symmetry is tested by two products, which are not counted, unless
        the operator has it by construction.

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
            self(np.random.default_rng(0).standard_normal(rows))  # so that NaN is not taken for asymmetry
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
        with np.errstate(invalid="ignore", over="ignore"):  # which is looked for below
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


def at_least_one(name: str, value: Any) -> int:
    """Return a positive whole number, or say that `name` must be one."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
        raise InvalidProblem(f"{name} is {value!r}; it must be a whole number, at least 1")
    return int(value)


def in_kind_of(values: np.ndarray, reference: Any) -> Any:
    """Return `values` as a tensor where `reference` is one, else as they are."""
    return asarray_like(values, reference) if is_torch_array(reference) else values
