"""A hierarchy of aggregates, and the cycle through it."""

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

__all__ = ["AggregationHierarchy", "Level", "build_hierarchy", "in_single_precision"]

COARSEST = 100  # unknowns whose inverse is formed
ROUNDING = 1000  # units in the last place, by unknown, that leave a zero eigenvalue unrecognised
INNER = 0.25  # reduction of the coarse residual after which the K-cycle takes no second step


@dataclass(frozen=True, eq=False)
class Level:
    """A matrix, its smoother, and the prolongation from the next level, shape (n, m)."""

    matrix: Any
    smoother: Smoother
    prolongation: Any


@dataclass(frozen=True, eq=False)
class AggregationHierarchy:
    """Levels from the finest on, and the (pseudo-)inverse of the matrix after them, all in single precision.

    Parameters
    ----------
    levels : sequence of Level
    coarsest : csr_array, shape (m, m)
    inverse : ndarray, shape (m, m)
        Of `coarsest`, zero on its nullspace.
    kind : {"V", "W", "K"}
        How the coarse levels are visited: once, twice, or by up to two steps of flexible conjugate gradients.
    """

    levels: Sequence[Level]
    coarsest: Any
    inverse: np.ndarray
    kind: str

    @property
    def sizes(self) -> list[int]:
        """Unknowns of each level."""
        return [level.matrix.shape[0] for level in self.levels] + [self.coarsest.shape[0]]

    @property
    def coarse_complexity(self) -> float:
        """Entries on the coarse levels over those of the finest."""
        entries = [level.matrix.nnz for level in self.levels] + [self.coarsest.nnz]
        return sum(entries[1:]) / max(entries[0], 1)

    def cycle(self, rhs: np.ndarray) -> np.ndarray:
        """Return the approximate solution after one cycle from zero, for a vector ``(n,)`` or a block ``(n, k)``."""
        if self.kind == "K" and rhs.ndim == 2:  # whose step lengths differ from column to column
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
        """Return what is best in energy along `x` and the cycle of what that leaves :cite:`NotayVassilevski2008`."""
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

    It is worked out in double and kept in single precision, which is as good for a preconditioner and takes two thirds
    of the memory.

    Parameters
    ----------
    finest : csr_array, shape (n, n)
        Symmetric, in double precision, its columns sorted and its entries of ordinary magnitude.
    kept : csr_array, shape (n, n)
        The same in single precision, as `in_single_precision` returns it.
    smooth : ndarray, shape (n,)
    options : BootstrapOptions
    epsilon : float
        Relative rounding of the entries.
    """
    levels: list[Level] = []
    matrix, original = finest, finest.diagonal()
    while smooth.size > COARSEST:
        # As published, plain aggregates are matched along all couplings.
        plain = options.prolongation == "plain"
        couplings = matrix if plain else strong_couplings(matrix, smooth, both=True)
        found = aggregate(matrix, couplings, smooth, options.aggregate_size.bit_length() - 1, COARSEST)
        prolongation, coarse = prolongation_and_coarse_matrix(matrix, found, smooth, options.prolongation)
        kept = in_single_precision(matrix) if levels else kept
        diagonal = matrix.diagonal()
        inverse = np.divide(1.0, diagonal, out=np.zeros_like(diagonal), where=_coupled(diagonal, original, epsilon))
        smoother = SMOOTHERS[options.smoother](kept, inverse.astype(np.float32))
        levels.append(Level(kept, smoother, in_single_precision(prolongation)))
        matrix = coarse
        if found is None:
            break
        original, smooth = found.average(original), found.smooth
    inverse = _pseudo_inverse(matrix.toarray(), original, epsilon).astype(np.float32)
    return AggregationHierarchy(levels, in_single_precision(matrix) if levels else kept, inverse, options.cycle)


def in_single_precision(matrix: Any) -> Any:
    """Return the matrix in single precision, its indices shared."""
    from scipy.sparse import csr_array

    return csr_array((matrix.data.astype(np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)


def _coupled(diagonal: np.ndarray, original: np.ndarray, epsilon: float) -> np.ndarray:
    """Return for which unknowns of a level the diagonal is more than rounding; the others are left at zero.

    Parameters
    ----------
    diagonal : ndarray, shape (m,)
    original : ndarray, shape (m,)
        Means of the diagonal of the finest matrix over what each unknown stands for.
    epsilon : float
        See `build_hierarchy`.
    """
    return diagonal > ROUNDING * epsilon * original


def _pseudo_inverse(matrix: np.ndarray, original: np.ndarray, epsilon: float) -> np.ndarray:
    """Return the inverse, zero where the matrix is zero up to rounding, with negative eigenvalues turned.

    An indefinite operator is found by who iterates with it.
    """
    if not matrix.size:
        return matrix
    diagonal = matrix.diagonal()
    kept = _coupled(np.abs(diagonal), original, epsilon)
    scale = np.divide(1.0, np.sqrt(np.abs(diagonal)), out=np.zeros_like(diagonal), where=kept)
    values, vectors = np.linalg.eigh(scale[:, None] * matrix * scale)
    kept = np.abs(values) > ROUNDING * epsilon * diagonal.size
    vectors = scale[:, None] * vectors[:, kept]
    return (vectors / np.abs(values[kept])) @ vectors.T
