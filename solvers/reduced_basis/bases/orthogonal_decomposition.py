"""Proper orthogonal decomposition."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ritz.arguments import check_integer, check_seed
from ritz.errors import InvalidProblem
from ritz.operators import Operator
from ritz.operators.dense import Dense
from ritz.problem_types.parametric.snapshots import check_product

from .inner_product import checked_states, coordinates, inner, norms

__all__ = ["Basis", "pod", "truncation"]

OVERSAMPLING, POWERS = 10, 2  # extra vectors and power iterations of the randomised method


@dataclass(frozen=True, eq=False)
class Basis:
    """An orthonormal basis of a subspace of states.

    Parameters
    ----------
    modes : ndarray, shape (n, size)
        Columns, orthonormal in the inner product, the most important first.
    singular_values : ndarray
        Singular values of the snapshots, at least one per mode.
    product : Operator or None
        Inner product; Euclidean if None.
    energy : float
        Sum of the squares of all singular values.
    """

    modes: np.ndarray
    singular_values: np.ndarray
    product: Operator | None
    energy: float

    @property
    def size(self) -> int:
        """Number of modes."""
        return int(self.modes.shape[1])

    @property
    def operator(self) -> Operator:
        """The map from coefficients to states.

        Operators are real, so complex modes give the map of stacked real and imaginary parts.
        """
        if np.iscomplexobj(self.modes):
            real, imaginary = np.real(self.modes), np.imag(self.modes)
            return Dense(np.block([[real, -imaginary], [imaginary, real]]))
        return Dense(self.modes)

    def truncated(self, size: int) -> Basis:
        """Return the basis of the first `size` modes."""
        if not 1 <= size <= self.size:
            raise InvalidProblem(f"size is {size}; the basis has {self.size} modes, so it must be 1 to {self.size}")
        return replace(self, modes=self.modes[:, :size])

    def coefficients(self, states: Any) -> np.ndarray:
        """Return the coefficients of the projections of states, shape (n,) or, as rows, shape (count, n)."""
        rows = np.atleast_2d(states)
        found = inner(rows, self.modes.T, self.product)
        return found if np.ndim(states) == 2 else found[0]

    def expand(self, coefficients: Any) -> np.ndarray:
        """Return the states with given coefficients, shape (size,) or, as rows, shape (count, size)."""
        return np.asarray(coefficients) @ self.modes.T

    def projection_errors(self, states: Any) -> np.ndarray:
        """Return ``|u - P u| / |u|`` for rows of states, shape (count,)."""
        rows = checked_states(states)
        return norms(rows - self.expand(self.coefficients(rows)), self.product) / norms(rows, self.product)


def truncation(singular_values: np.ndarray, *, size: int | None, energy: float | None, total: float) -> int:
    """Return the number of modes to keep.

    Parameters
    ----------
    singular_values : ndarray
        In descending order.
    size : int, optional
    energy : float, optional
        Fraction of the sum of squares that may be left out, such as 1e-8. With `size`, the smaller number counts.
    total : float
        Sum of the squares of all singular values.

    Raises
    ------
    InvalidProblem
        If `size` is below 1, or `energy` outside of [0, 1).
    """
    keep = len(singular_values)
    if size is not None:
        keep = min(keep, check_integer("size", size))
    if energy is not None:
        if not 0.0 <= energy < 1.0:
            raise InvalidProblem(f"energy is {energy!r}; it is the fraction of the energy left out, 0 <= energy < 1")
        left_out = np.maximum(total - np.cumsum(singular_values**2), 0.0)
        keep = min(keep, int(np.count_nonzero(left_out > energy * total)) + 1)
    return keep


def pod(
    states: Any,
    *,
    product: Any = None,
    size: int | None = None,
    energy: float | None = None,
    normalise: bool = True,
    method: str = "exact",
    seed: int = 0,
) -> Basis:
    """Return the basis with the least mean square projection error of its size :cite:`Sirovich1987`.

    Parameters
    ----------
    states : array, shape (count, n)
        Real or complex snapshots, one per row.
    product : Operator or matrix, optional
        Inner product, symmetric positive definite; Euclidean by default.
    size : int, optional
        Number of modes; as many as the snapshots span by default.
    energy : float, optional
        Fraction of the sum of the squared singular values that may be left out. With `size`, the smaller basis counts.
    normalise : bool
        Scale every snapshot to norm 1 first, so that errors are relative.
    method : str
        ``"exact"`` takes O(count^2 n) operations; ``"randomised"`` :cite:`HalkoMartinssonTropp2011` takes
        O(count size n) and needs `size`. See `incremental_pod` for snapshots that do not fit into memory.
    seed : int
        Seed of the random vectors.

    Raises
    ------
    InvalidProblem
        For zero snapshots that are to be normalised, NaN, wrong shapes, or a product that is not an inner product.

    Examples
    --------
    >>> basis = pod(np.array([[3.0, 0.0, 0.0], [0.0, 1.0, 0.0], [3.0, 0.0, 0.0]]), normalise=False)
    >>> basis.size, basis.singular_values.round(12).tolist()
    (2, [4.242640687119, 1.0])
    """
    rows = checked_states(states)
    operator = check_product(product, rows.shape[1])
    if normalise:
        rows = normalised(rows, operator)
    wanted = truncation(np.ones(min(rows.shape)), size=size, energy=None, total=1.0)
    if method == "randomised":
        if size is None:
            raise InvalidProblem("method 'randomised' needs size, the number of modes")
        small = coordinates(_sketched(rows, operator, wanted, seed), operator)
        values, directions = inner(rows, small.directions, operator), small.directions
    elif method == "exact":
        found = coordinates(rows, operator, rank=wanted)
        values, directions = found.values, found.directions
    else:
        raise InvalidProblem(f"method is {method!r}; it must be 'exact' or 'randomised'")
    _, singular, right = np.linalg.svd(values, full_matrices=False)
    total = float(len(rows) if normalise else np.sum(norms(rows, operator) ** 2))
    keep = truncation(singular, size=size, energy=energy, total=total)
    return Basis((right[:keep] @ directions).T, singular, operator, total)


def normalised(rows: np.ndarray, product: Operator | None) -> np.ndarray:
    """Return the rows scaled to norm 1.

    Raises
    ------
    InvalidProblem
        If a row is zero; the message says which.
    """
    lengths = norms(rows, product)
    zero = np.flatnonzero(lengths <= 1e-300)
    if zero.size:
        raise InvalidProblem(f"state {zero[0]} is zero and has no direction; drop the {zero.size} zero state(s)")
    return rows / lengths[:, None]


def _sketched(rows: np.ndarray, product: Operator | None, size: int, seed: int) -> np.ndarray:
    """Return a few random combinations of the rows, dominated by the leading modes."""
    generator = np.random.default_rng(check_seed(seed))
    count = min(size + OVERSAMPLING, len(rows))
    mixed = generator.standard_normal((count, len(rows))) @ rows
    for _ in range(POWERS):
        directions = coordinates(mixed, product).directions
        mixed = inner(rows, directions, product).conj().T @ rows
    return mixed
