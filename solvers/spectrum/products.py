"""Counted and checked products with a symmetric operator."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ritz.backend import asarray_like, is_torch_array, machine_epsilon
from ritz.errors import InvalidProblem
from ritz.operators import MatrixFree, Operator, Tag, aslinearoperator
from ritz.operators.checks import asymmetry

from .probes import gaussian, rademacher

__all__ = ["Products", "in_kind_of", "scaling_exponent"]

SMALL = 1e-100  # products beyond this or its inverse are scaled


class Products:
    """A square symmetric operator that counts its products and raises an error if one is not finite.

    Results are float64 for any dtype of the operator, to keep inner products accurate; the operator itself is applied
    to vectors of its own dtype. If the first product is beyond 1e100 or 1e-100, all are divided by a power of two, so
    that their squares neither overflow nor vanish.

    Parameters
    ----------
    A : Operator, or anything `ritz.operators.aslinearoperator` takes
    caller : str
        Name of the function that needs symmetry, for the error message. Symmetry is tested by two uncounted products,
        unless the operator is symmetric by construction.

    Attributes
    ----------
    count : int
        Number of products so far.
    exponent : int
        Products are in units of ``2**exponent``.

    Raises
    ------
    InvalidProblem
        If A is not square, not symmetric, or empty.
    """

    def __init__(self, A: Any, caller: str):
        self.operator: Operator = aslinearoperator(A)
        self.count, self.exponent, self._scaled = 0, 0, False
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
        """Return ``A x`` in float64, in units of ``2**exponent``, for a vector or a block of columns."""
        product = self._unscaled(x)
        if not self._scaled:
            largest = float(abs(product).max())
            self._scaled = largest > 0.0
            self.exponent = scaling_exponent(largest)
        return np.ldexp(product, -self.exponent) if self.exponent else product

    def in_blocks(self, x: np.ndarray, block: int) -> np.ndarray:
        """Return ``A x`` for a block of columns, at most `block` of them at a time."""
        parts = [self(x[:, first : first + block]) for first in range(0, x.shape[1], block)]
        return np.concatenate(parts, axis=1)

    def columns(self, block: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yield the matrix in blocks of columns, each with the number of its first column, in units of 1."""
        for first in range(0, self.size, block):
            unit = np.zeros((self.size, min(block, self.size - first)))
            unit[first + np.arange(unit.shape[1]), np.arange(unit.shape[1])] = 1.0
            yield first, self._unscaled(unit)

    def matrix(self, block: int) -> np.ndarray:
        """Return the symmetric matrix, in units of 1."""
        matrix = np.concatenate([columns for _, columns in self.columns(block)], axis=1)
        return 0.5 * matrix + 0.5 * matrix.T

    def off_diagonal(self, seed: int) -> float:
        """Return the Frobenius norm of the off-diagonal part, estimated by two products; 0 for diagonal operators only.

        Vectors of signs cannot tell a diagonal operator from one whose coupled entries have the same signs in all of
        them. A vector of normal numbers can.
        """
        signs, numbers = rademacher(self.size, 0, 1, seed), gaussian(self.size, 1, 1, seed)
        numbers = numbers.astype(self.operator.dtype).astype(np.float64)
        image = self(numbers)
        rest = float(np.linalg.norm(image - signs * self(signs) * numbers))
        rounding = 10.0 * machine_epsilon(self.operator.dtype) * float(np.linalg.norm(image))
        return rest / 2.0**0.5 if rest > rounding else 0.0

    def _unscaled(self, x: np.ndarray) -> np.ndarray:
        self.count += 1 if x.ndim == 1 else x.shape[1]
        with np.errstate(invalid="ignore", over="ignore"):  # checked below
            product = np.asarray(self.operator @ x.astype(self.operator.dtype, copy=False), dtype=np.float64)
        if not np.isfinite(product).all():
            raise InvalidProblem(
                f"a product with {self.operator!r} is not finite: its entries hold NaN or infinity, or overflow"
            )
        return product


def scaling_exponent(largest: float) -> int:
    """Return the exponent of the power of two by which numbers up to `largest` are divided: 0 unless it is extreme."""
    return 0 if largest == 0.0 or SMALL < largest < 1.0 / SMALL else math.frexp(largest)[1]


def in_kind_of(values: np.ndarray, reference: Any) -> Any:
    """Return `values` as a tensor if `reference` is one, otherwise unchanged."""
    return asarray_like(values, reference) if is_torch_array(reference) else values
