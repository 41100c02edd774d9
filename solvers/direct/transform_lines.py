"""Decomposition of separable operators into one-dimensional operators."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ritz.errors import InvalidProblem
from ritz.operators import KroneckerSum, Operator, Stencil
from ritz.operators.stencils.finite_volumes import constant_axis
from ritz.operators.stencils.stencil import WALL

from .transform_tables import eigenvalues, fast_kind

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["Line", "separate", "separates"]

DENSE_LIMIT = 4096  # most rows of a factor whose eigenvectors or Schur form may be computed


class Line:
    """A one-dimensional operator, given by a fast transform or by its entries.

    Parameters
    ----------
    count : int
        Number of unknowns.
    kind : str or None
        Fast transform to the eigenvectors.
    strength : float
        Factor of the eigenvalues of second differences; only used with `kind`.
    bands : tuple of ndarray, shape (count,), or None
        Diagonal of a symmetric tridiagonal matrix, and the negated entries next to it; the last of these is that in the
        corners.
    entries : csr_array or None
        Any other matrix.
    """

    def __init__(
        self,
        count: int,
        *,
        kind: str | None = None,
        strength: float = 1.0,
        bands: tuple[np.ndarray, np.ndarray] | None = None,
        entries: csr_array | None = None,
    ):
        self.count, self.kind, self.strength, self.bands, self.entries = count, kind, strength, bands, entries

    @cached_property
    def symmetric(self) -> bool:
        """Whether the matrix is symmetric up to rounding."""
        if self.entries is None:
            return True
        skew = abs(self.entries - self.entries.T)
        return skew.nnz == 0 or float(skew.max()) <= 1e-12 * float(abs(self.entries).max())

    @cached_property
    def eigenvalues(self) -> np.ndarray:
        """Eigenvalues, in the order of the fast transform or ascending; float64, shape (count,)."""
        if self.kind is not None:
            return self.strength * eigenvalues(self.kind, self.count)
        return self.eigenvectors[0]

    @cached_property
    def eigenvectors(self) -> Any:
        """Ascending eigenvalues, and orthonormal eigenvectors as columns; at most O(count^3) time."""
        from scipy.linalg import eigh, eigh_tridiagonal

        if self.bands is not None and not self.cyclic:
            return eigh_tridiagonal(self.bands[0], -self.bands[1][:-1])
        return eigh(self.matrix)

    @property
    def cyclic(self) -> bool:
        """Whether the last unknown is coupled to the first."""
        return self.bands is not None and bool(self.bands[1][-1])

    @property
    def matrix(self) -> np.ndarray:
        """The matrix as a dense float64 array."""
        if self.bands is None:
            assert self.entries is not None
            return self.entries.toarray().astype(np.float64)
        diagonal, couplings = self.bands
        matrix, rows = np.diag(diagonal), np.arange(self.count)
        for one, other in ((rows, np.roll(rows, -1)), (np.roll(rows, -1), rows)):
            np.subtract.at(matrix, (one, other), couplings)
        return matrix


def separates(operator: Operator) -> bool:
    """Return whether `separate` takes an operator: a `Stencil` with constant coefficients or a `KroneckerSum`.

    Examples
    --------
    >>> separates(Stencil((4, 5))), separates(Stencil((4, 5), coefficient=np.ones((4, 5))))
    (True, False)
    """
    return isinstance(operator, KroneckerSum) or (isinstance(operator, Stencil) and operator.constant)


def separate(operator: Operator) -> tuple[list[Line], float]:
    """Return one line per axis, slowest axis first, and the multiple of the identity that remains.

    Axes of a single unknown contribute to that multiple; there is always at least one line.

    Raises
    ------
    InvalidProblem
        If a factor without a fast transform is too large or has no accessible entries.
    """
    lines, shift = _lines(operator)
    kept = [line for line in lines if line.count > 1]
    shift += sum(float(line.matrix[0, 0]) for line in lines if line.count == 1)
    return kept or [Line(1, bands=(np.zeros(1), np.zeros(1)))], shift


def _lines(operator: Operator) -> tuple[list[Line], float]:
    if isinstance(operator, Stencil) and operator.constant:
        return _stencil_lines(operator)
    if isinstance(operator, KroneckerSum):
        parts = [_lines(factor) for factor in operator.factors]
        return [line for lines, _ in parts for line in lines], sum(shift for _, shift in parts)
    return [_general_line(operator)], 0.0


def _stencil_lines(stencil: Stencil) -> tuple[list[Line], float]:
    lines: list[Line] = []
    corner = 0.0
    for axis, (count, sides) in enumerate(zip(stencil.grid_shape, stencil.boundary, strict=True)):
        if count == 1:
            continue
        strength = float(stencil.couplings[axis].flat[0])
        along, walls = constant_axis(count, strength, sides, WALL[stencil.centering])
        diagonal = along + np.roll(along, 1) + walls
        corner += diagonal[0]
        kind = fast_kind(sides, stencil.centering)
        lines.append(Line(count, kind=kind, strength=strength, bands=(diagonal, along)))
    single = [sides for count, sides in zip(stencil.grid_shape, stencil.boundary, strict=True) if count == 1]
    if any("dirichlet" in sides for sides in single):  # walls around a single cell only affect the diagonal
        return lines, float(stencil.diagonal()[0]) - corner
    return lines, stencil.shift


def _general_line(factor: Operator) -> Line:
    from scipy.sparse import csr_array

    if factor.shape[0] > DENSE_LIMIT:
        raise InvalidProblem(
            f"a factor of the Kronecker sum has {factor.shape[0]} rows; one without a fast transform may have"
            f" {DENSE_LIMIT}, since its eigenvectors are computed: use 'cg' or 'amg-cg'"
        )
    entries: Any = csr_array(factor.to_sparse(), dtype=np.float64)
    line = Line(factor.shape[0], entries=entries)
    rows, columns = entries.nonzero()
    if line.symmetric and np.abs(rows - columns).max(initial=0) <= 1:
        couplings = np.append(-entries.diagonal(1), 0.0)
        return Line(factor.shape[0], bands=(entries.diagonal(), couplings))
    return line
