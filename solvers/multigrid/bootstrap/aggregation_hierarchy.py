"""Hierarchies of aggregates, and the multigrid cycle on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .compatible_matching import aggregate
from .options import BootstrapOptions
from .prolongation import prolongation_and_coarse_matrix
from .relaxation import SMOOTHERS, Smoother, remainder
from .strong_couplings import strong_couplings

__all__ = ["AggregationHierarchy", "AggregationLevel", "build_hierarchy", "in_precision"]

COARSEST = 100  # most unknowns for which a dense inverse is formed
ROUNDING = 1000  # units of rounding up to which a diagonal entry counts as zero
NULL = 10  # units of rounding, per unknown, up to which an eigenvalue counts as zero
INNER = 0.25  # reduction of the coarse residual at which the K-cycle skips the second step


@dataclass(frozen=True, eq=False)
class AggregationLevel:
    """A matrix, its smoother, and the prolongation from the next level, shape (n, m)."""

    matrix: Any
    smoother: Smoother
    prolongation: Any


@dataclass(frozen=True, eq=False)
class AggregationHierarchy:
    """Levels of aggregates in one precision, and the (pseudo-)inverse on the coarsest level.

    Parameters
    ----------
    levels : sequence of AggregationLevel
        From the finest on, without the coarsest.
    coarsest : csr_array, shape (m, m)
        Matrix of the coarsest level.
    inverse : ndarray, shape (m, m)
        Pseudo-inverse of `coarsest`.
    kind : {"V", "W", "K"}
        Kind of cycle: one visit to each coarse level, two, or up to two steps of flexible conjugate gradients.
    smallest : float
        Estimate of the smallest positive eigenvalue of the finest matrix, whose unit is its diagonal.
    """

    levels: Sequence[AggregationLevel]
    coarsest: Any
    inverse: np.ndarray
    kind: str
    smallest: float

    @property
    def sizes(self) -> list[int]:
        """Number of unknowns of each level."""
        return [level.matrix.shape[0] for level in self.levels] + [self.coarsest.shape[0]]

    @property
    def coarse_complexity(self) -> float:
        """Number of entries on all coarse levels relative to the finest level."""
        entries = [level.matrix.nnz for level in self.levels] + [self.coarsest.nnz]
        return sum(entries[1:]) / max(entries[0], 1)

    def cycle(self, rhs: np.ndarray) -> np.ndarray:
        """Return the approximate solution after one cycle from zero, for a vector ``(n,)`` or a block ``(n, k)``."""
        if self.kind == "K" and rhs.ndim == 2:  # the step lengths differ between columns
            return np.stack([self._cycle(0, np.ascontiguousarray(column)) for column in rhs.T], axis=1)
        return self._cycle(0, rhs)

    def _cycle(self, number: int, rhs: np.ndarray) -> np.ndarray:
        if number == len(self.levels):
            return self.inverse @ rhs
        level = self.levels[number]
        x, residual = level.smoother.before(rhs)
        x += level.prolongation @ self._coarse(number + 1, level.prolongation.T @ residual)
        return level.smoother.after(rhs, x)

    def _coarse(self, number: int, rhs: np.ndarray) -> np.ndarray:
        x = self._cycle(number, rhs)
        if self.kind == "V" or number == len(self.levels):
            return x
        matrix = self.levels[number].matrix
        if self.kind == "K":
            return self._two_steps(number, rhs, x, matrix @ x)
        return x + self._cycle(number, remainder(matrix, rhs, x))

    def _two_steps(self, number: int, rhs: np.ndarray, x: np.ndarray, product: np.ndarray) -> np.ndarray:
        """Return the result of two steps of flexible conjugate gradients :cite:`NotayVassilevski2008`.

        The first step is along `x`, with the given product, and the second along the cycle of its residual.
        """
        curvature = float(x @ product)
        if not curvature > 0.0:
            return x
        length = float(x @ rhs) / curvature
        residual = rhs - length * product
        if float(np.linalg.norm(residual)) <= INNER * float(np.linalg.norm(rhs)):
            return length * x
        y = self._cycle(number, residual)
        overlap = float(y @ product) / curvature
        y -= overlap * x
        second = float(y @ (self.levels[number].matrix @ y))
        return length * x + (float(y @ residual) / second) * y if second > 0.0 else length * x


def build_hierarchy(
    finest: Any, kept: Any, smooth: np.ndarray, options: BootstrapOptions, epsilon: float
) -> AggregationHierarchy:
    """Return the hierarchy along a smooth vector.

    It is computed in double precision and stored in that of `kept`. Single precision takes two thirds of the memory,
    and is as good unless the matrix is nearly singular.

    Parameters
    ----------
    finest : csr_array, shape (n, n)
        Symmetric, in double precision, with sorted columns and entries of moderate magnitude.
    kept : csr_array, shape (n, n)
        `finest` in single or double precision, as `in_precision` returns it.
    smooth : ndarray, shape (n,)
    options : BootstrapOptions
    epsilon : float
        Relative rounding error of the entries.
    """
    levels: list[AggregationLevel] = []
    matrix, original, dtype = finest, finest.diagonal(), kept.dtype
    while smooth.size > COARSEST:
        # Plain aggregates are matched along all couplings, as published.
        plain = options.prolongation == "plain"
        couplings = matrix if plain else strong_couplings(matrix, smooth, both=True)
        found = aggregate(matrix, couplings, smooth, options.aggregate_size.bit_length() - 1, COARSEST)
        prolongation, coarse = prolongation_and_coarse_matrix(matrix, found, smooth, options.prolongation)
        kept = in_precision(matrix, dtype) if levels else kept
        diagonal = matrix.diagonal()
        inverse = np.divide(1.0, diagonal, out=np.zeros_like(diagonal), where=_coupled(diagonal, original, epsilon))
        smoother = SMOOTHERS[options.smoother](kept, inverse.astype(dtype))
        levels.append(AggregationLevel(kept, smoother, in_precision(prolongation, dtype)))
        matrix = coarse
        if found is None:
            break
        original, smooth = found.average(original), found.smooth
    inverse, smallest = _pseudo_inverse(matrix.toarray(), original, epsilon)
    coarsest = in_precision(matrix, dtype) if levels else kept
    return AggregationHierarchy(levels, coarsest, inverse.astype(dtype), options.cycle, smallest)


def in_precision(matrix: Any, dtype: Any) -> Any:
    """Return the matrix in another precision, with shared index arrays."""
    from scipy.sparse import csr_array

    return csr_array((matrix.data.astype(dtype, copy=False), matrix.indices, matrix.indptr), shape=matrix.shape)


def _coupled(diagonal: np.ndarray, original: np.ndarray, epsilon: float) -> np.ndarray:
    """Return the mask of the unknowns of a level whose diagonal entry exceeds rounding errors.

    Parameters
    ----------
    diagonal : ndarray, shape (m,)
    original : ndarray, shape (m,)
        Means of the diagonal of the finest matrix over the aggregate of each unknown.
    epsilon : float
        See `build_hierarchy`.
    """
    return diagonal > ROUNDING * epsilon * original


def _pseudo_inverse(matrix: np.ndarray, original: np.ndarray, epsilon: float) -> tuple[np.ndarray, float]:
    """Return the pseudo-inverse of the absolute value of a matrix, with a tolerance for rounding errors.

    Negative eigenvalues are not an error here, because the outer iteration detects an indefinite operator. The second
    number is the smallest magnitude of an eigenvalue that is not zero, relative to `original`.
    """
    if not matrix.size:
        return matrix, 1.0
    diagonal = matrix.diagonal()
    kept = _coupled(np.abs(diagonal), original, epsilon)
    scale = np.divide(1.0, np.sqrt(np.abs(diagonal)), out=np.zeros_like(diagonal), where=kept)
    values, vectors = np.linalg.eigh(scale[:, None] * matrix * scale)
    kept = np.abs(values) > NULL * epsilon * diagonal.size
    vectors, values = scale[:, None] * vectors[:, kept], np.abs(values[kept])
    smallest = (values / (original @ vectors**2)).min(initial=1.0)
    return (vectors / values) @ vectors.T, float(smallest)
