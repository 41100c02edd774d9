"""Terms of parametric equations whose entries depend on a few unknowns each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from ritz.errors import InvalidProblem

__all__ = ["PointwiseTerm", "RestrictedTerm"]


@dataclass(frozen=True, eq=False)
class PointwiseTerm:
    r"""The non-affine part :math:`g(u;\mu,t)` of a parametric equation :math:`A(\mu)u+g(u;\mu,t)=f(\mu)`.

    Entry i is a function of the k unknowns listed in row i of `reads`, and of the constants in row i of `data`, such as
    the position and the size of its cell. Nonlinear terms have this form, and so do sources that are not affine in the
    parameters (k = 0). Entries are integrals over cells, so that sums of them can be replaced by cubature.

    Parameters
    ----------
    function : callable
        ``function(values (m, k), data (m, d), mu, t) -> (m,)``, for any number m of entries. `data` is read-only.
    reads : ndarray of int, shape (n, k)
        Unknowns that each entry depends on; -1 stands for a value of zero. An unknown may appear twice.
    data : ndarray, shape (n, d)
        Constants of each entry.
    derivative : callable, optional
        ``derivative(values (m, k), data (m, d), mu, t) -> (m, k)``. If None, g does not depend on u.

    Raises
    ------
    InvalidProblem
        For shapes that do not fit, or indices of unknowns that do not exist.

    Examples
    --------
    The term :math:`\mu u^3` of two unknowns:

    >>> term = PointwiseTerm(
    ...     lambda values, data, mu, t: mu[0] * values[:, 0] ** 3,
    ...     np.array([[0], [1]]),
    ...     np.zeros((2, 0)),
    ...     lambda values, data, mu, t: 3 * mu[0] * values**2,
    ... )
    >>> u, mu = np.array([1.0, 2.0]), np.array([0.5])
    >>> term.value(u, mu).tolist(), term.jacobian(u, mu).toarray().tolist()
    ([0.5, 4.0], [[1.5, 0.0], [0.0, 6.0]])
    >>> at_second = term.restrict([1])
    >>> at_second.dofs.tolist(), at_second.value(u[at_second.dofs], mu).tolist()
    ([1], [4.0])
    """

    function: Callable[[np.ndarray, np.ndarray, np.ndarray, float], Any]
    reads: np.ndarray
    data: np.ndarray
    derivative: Callable[[np.ndarray, np.ndarray, np.ndarray, float], Any] | None = None

    def __post_init__(self):
        reads, data = np.asarray(self.reads), np.asarray(self.data)
        if reads.ndim != 2 or data.ndim != 2 or len(reads) != len(data):
            raise InvalidProblem(
                f"reads has shape {reads.shape} and data {data.shape}; both must have one row for each entry"
            )
        if reads.size and (reads.dtype.kind not in "iu" or reads.min() < -1 or reads.max() >= len(reads)):
            raise InvalidProblem(f"reads must hold numbers of unknowns, 0 to {len(reads) - 1}, or -1 for none")
        object.__setattr__(self, "reads", reads.astype(np.intp))
        object.__setattr__(self, "data", data)

    @property
    def size(self) -> int:
        """Number of entries, equal to the number of unknowns."""
        return len(self.reads)

    @property
    def linear(self) -> bool:
        """Whether the term does not depend on u."""
        return self.derivative is None

    def value(self, u: np.ndarray, mu: np.ndarray, t: float = 0.0) -> np.ndarray:
        """Return g, shape (n,), at a state of shape (n,)."""
        return self._everywhere.value(u, mu, t)

    def jacobian(self, u: np.ndarray, mu: np.ndarray, t: float = 0.0) -> Any:
        """Return the derivative of g with respect to u as a CSR array, shape (n, n)."""
        return self._everywhere.jacobian(u, mu, t)

    def restrict(self, rows: Any) -> RestrictedTerm:
        """Return the term restricted to the entries `rows`, whose cost does not depend on n."""
        rows = np.asarray(rows, dtype=np.intp)
        reads = self.reads[rows]
        dofs, places = np.unique(reads, return_inverse=True)
        places = places.reshape(reads.shape)
        if dofs.size and dofs[0] == -1:
            dofs, places = dofs[1:], places - 1
        return RestrictedTerm(self, rows, dofs, places, self.data[rows])

    @cached_property
    def _everywhere(self) -> RestrictedTerm:
        numbers = np.arange(self.size)
        return RestrictedTerm(self, numbers, numbers, self.reads, self.data)


@dataclass(frozen=True, eq=False)
class RestrictedTerm:
    """Some entries of a `PointwiseTerm`.

    Parameters
    ----------
    term : PointwiseTerm
    rows : ndarray of int, shape (m,)
        Indices of the entries.
    dofs : ndarray of int, shape (d,)
        Unknowns that the entries depend on, in ascending order.
    places : ndarray of int, shape (m, k)
        Positions in `dofs` of the unknowns of each entry; -1 stands for a value of zero.
    data : ndarray
        Constants of the entries.
    """

    term: PointwiseTerm
    rows: np.ndarray
    dofs: np.ndarray
    places: np.ndarray
    data: np.ndarray

    def __post_init__(self):
        data = self.data.view()
        data.flags.writeable = False
        object.__setattr__(self, "data", data)

    def value(self, u: np.ndarray, mu: np.ndarray, t: float = 0.0) -> np.ndarray:
        """Return the entries, shape (m,), from the unknowns at `dofs`, shape (d,)."""
        return self.entries(self._read(u), mu, t)

    def entries(self, values: np.ndarray, mu: np.ndarray, t: float) -> np.ndarray:
        """Return the entries, shape (m,), from the values of the unknowns that each depends on, shape (m, k)."""
        found = np.array(self.term.function(values, self.data, np.array(mu), t))  # a copy of what may be a work array
        if found.shape != (len(self.rows),) or found.dtype.kind not in "biufc":
            raise InvalidProblem(
                f"function of the term returns {found.dtype} of shape {found.shape}; it must be ({len(self.rows)},)"
                " numbers"
            )
        return found

    def slopes(self, values: np.ndarray, mu: np.ndarray, t: float) -> np.ndarray:
        """Return the derivative of each entry with respect to the values it depends on, shape (m, k)."""
        assert self.term.derivative is not None
        found = np.asarray(self.term.derivative(values, self.data, np.array(mu), t))
        if found.shape != values.shape or found.dtype.kind not in "biufc":
            raise InvalidProblem(
                f"derivative of the term returns {found.dtype} of shape {found.shape}; it must be {values.shape}"
                " numbers"
            )
        return found

    def jacobian(self, u: np.ndarray, mu: np.ndarray, t: float = 0.0) -> Any:
        """Return the derivative with respect to the unknowns at `dofs` as a CSR array, shape (m, d)."""
        order, starts, indices, indptr = self._pattern
        shape = (len(self.rows), len(self.dofs))
        if self.term.derivative is None or not order.size:
            return csr_array(shape)
        entries = self.slopes(self._read(u), mu, t).ravel()[order]
        return csr_array((np.add.reduceat(entries, starts), indices, indptr), shape=shape)

    def _read(self, u: np.ndarray) -> np.ndarray:
        padded = np.zeros(len(u) + 1, dtype=u.dtype)  # index -1 finds the zero at the end
        padded[:-1] = u
        return padded[self.places]

    @cached_property
    def _pattern(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Order of the entries of the derivative, starts of runs of equal positions, and pattern of the CSR array."""
        m, width = len(self.rows), max(len(self.dofs), 1)
        places = self.places.ravel().astype(np.int64)
        keys = np.repeat(np.arange(m, dtype=np.int64), self.places.shape[1]) * width + places
        keys[places < 0] = -1
        order = np.argsort(keys, kind="stable")
        order = order[np.count_nonzero(places < 0) :]
        pattern, starts = np.unique(keys[order], return_index=True)
        indptr = np.searchsorted(pattern, np.arange(m + 1, dtype=np.int64) * width)
        return order, starts, (pattern % width).astype(np.int32), indptr.astype(np.int32)
