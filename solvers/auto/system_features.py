"""Features of a linear system on which the choice of a solver is based."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ritz.errors import InvalidProblem
from ritz.operators import (
    Dense,
    Diagonal,
    KroneckerSum,
    MatrixFree,
    Operator,
    Scaled,
    Sparse,
    Stencil,
    Sum,
    Tag,
    Transposed,
)
from ritz.problem_types.linear_system import LinearSystem

from .couplings import Couplings, couplings_of
from .factor_size import FactorSize, least_size, of_columns, of_symmetric_pattern

__all__ = ["SystemFeatures"]

WITH_ENTRIES = (Sparse, Diagonal, Sum, Scaled, Transposed)
TINY = 300  # unknowns up to which a matrix is factored without a look at it
SMALL = 1000  # unknowns up to which a matrix is factored unless its diagonal is dominant
COUNTED = 1500  # unknowns from which factors are counted: below, counting would cost as much as factoring
SMOOTH = 10.0  # largest ratio of diagonal entries for which a coefficient counts as smooth


@dataclass(eq=False)
class SystemFeatures:
    """Features of a linear system, each computed in O(nnz) time on first use.

    Parameters
    ----------
    system : LinearSystem
    """

    system: LinearSystem
    _counted_to: float = field(default=0.0, init=False)  # seconds of a factorisation up to which its size was counted

    @cached_property
    def operator(self) -> Operator:
        """The operator."""
        return self.system.operator

    @cached_property
    def n(self) -> int:
        """Number of unknowns."""
        return self.system.size

    @cached_property
    def solves(self) -> int:
        """Expected number of right-hand sides."""
        columns = self.system.rhs.shape[1] if self.system.rhs.ndim == 2 else 1
        return columns * self.system.expected_solves

    @cached_property
    def dense(self) -> bool:
        """Whether all entries are stored."""
        return isinstance(self.operator, Dense)

    @property
    def tiny(self) -> bool:
        """Whether there are so few unknowns that any method but a factorisation is out of the question."""
        if self.n > TINY:
            return False
        return self.n <= TINY // 3 if self.dense else not self.separable and self.matrix is not None

    @property
    def small(self) -> bool:
        """Whether a sparse matrix has so few unknowns that iterations hardly pay."""
        return self.n <= SMALL and self.system.grid is None and not self.separable and self.matrix is not None

    @cached_property
    def separable(self) -> bool:
        """Whether the operator is a sum of operators along the axes of a box."""
        operator = self.operator
        return isinstance(operator, KroneckerSum) or (isinstance(operator, Stencil) and operator.constant)

    @cached_property
    def matrix(self) -> Any:
        """The entries in CSR format; None for dense matrices, stencils and operators without entries."""
        if isinstance(self.operator, Stencil) or not isinstance(self.operator, WITH_ENTRIES):
            return None
        try:
            return self.operator.to_sparse()
        except InvalidProblem:
            return None

    @cached_property
    def sparse(self) -> bool:
        """Whether the operator has entries, most of them zero."""
        return isinstance(self.operator, Stencil) or self.matrix is not None

    @cached_property
    def known_by_products(self) -> bool:
        """Whether the operator has no accessible entries."""
        try:
            self.operator.diagonal()
        except InvalidProblem:
            return True
        return isinstance(self.operator, MatrixFree)

    @cached_property
    def structurally_singular(self) -> bool:
        """Whether a row or a column of a sparse matrix without known nullspace is empty."""
        if self.matrix is None or self.operator.nullspace is not None:
            return False
        columns = np.bincount(self.matrix.indices, minlength=self.n)
        return not (bool(np.diff(self.matrix.indptr).all()) and bool(columns.all()))

    @cached_property
    def symmetric(self) -> bool:
        """Whether the operator is tagged symmetric."""
        return Tag.SYMMETRIC in self.operator.tags

    @cached_property
    def diagonal(self) -> np.ndarray:
        """Diagonal entries; ones if they are not available."""
        return self.operator.diagonal() if self.sparse or self.dense else np.ones(self.n)

    @cached_property
    def positive_share(self) -> float:
        """Share of positive entries in the sum of absolute off-diagonal entries: 0 for an M-matrix."""
        if isinstance(self.operator, Stencil):
            return 0.0
        if self.matrix is None:
            return 1.0
        magnitude = float(np.abs(self.matrix.data).sum() - np.abs(self.diagonal).sum())
        total = float(self.matrix.data.sum() - self.diagonal.sum())
        return 0.5 * (magnitude + total) / magnitude if magnitude > 0 else 0.0

    @cached_property
    def z_matrix(self) -> bool:
        """Whether no off-diagonal entry is positive, up to rounding."""
        return self.positive_share < 1e-6

    @cached_property
    def dominance(self) -> float:
        """Smallest ratio of row sum to diagonal entry: 0 for a Laplacian, positive with a positive shift."""
        ones = np.ones(self.n, dtype=self.system.dtype)
        used = self.diagonal > 0
        rows = np.asarray(self.operator @ ones)[used] / self.diagonal[used]
        smallest = float(rows.min(initial=0.0 if not used.any() else np.inf))
        return 0.0 if abs(smallest) < 1e-10 else smallest

    @cached_property
    def definite(self) -> bool:
        """Whether the operator is, or may well be, positive (semi-)definite.

        A matrix without positive off-diagonal entries is if no row sum is negative. For others, such as finite
        elements, a positive diagonal is taken as sufficient; conjugate gradients detect the exceptions.
        """
        if self.operator.tags & {Tag.POSITIVE_DEFINITE, Tag.SEMIDEFINITE}:
            return True
        if isinstance(self.operator, Stencil):
            return False
        if not (self.sparse or self.dense):
            return True
        if self.couplings is not None and (self.couplings.indefinite or self.couplings.negative):
            return False
        return bool((self.diagonal > 0).all()) and not (self.z_matrix and self.dominance < 0)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Cells along each axis of the grid, longest first; without a grid, those of an equivalent box."""
        grid = self.system.grid
        shape = self.operator.grid_shape if isinstance(self.operator, Stencil) else grid.shape if grid else None
        if shape is None:
            front = min(max(self._fronts[1], 2.0), 0.5 * self.n + 1)
            dimension = round(1 / (1 - math.log(front) / math.log(self.n + 2)))
            if dimension <= 1:
                return (self.n,)
            dimension = min(dimension, 3)
            return (math.ceil(self.n / front), *[math.ceil(front ** (1 / (dimension - 1)))] * (dimension - 1))
        return tuple(sorted((cells for cells in shape if cells > 1), reverse=True)) or (1,)

    @cached_property
    def _fronts(self) -> tuple[float, float]:
        """Largest and mean half-bandwidth after reordering; a guess for small systems, for which it would not pay."""
        if self.matrix is None:
            return float(self.n), float(self.n)
        if self.n <= TINY:
            return 2.0 * self.n**0.5, 0.7 * self.n**0.5
        from scipy.sparse.csgraph import reverse_cuthill_mckee

        order = reverse_cuthill_mckee(self.matrix, symmetric_mode=self.symmetric)
        rank = np.empty(self.n, dtype=np.int64)
        rank[order] = np.arange(self.n)
        first = np.minimum.reduceat(rank[self.matrix.indices], self.matrix.indptr[:-1])
        fronts = rank - first
        return float(fronts.max()) + 1, float(np.maximum(fronts, 0).mean()) + 1

    @property
    def structured(self) -> bool:
        """Whether the system comes from a grid."""
        return isinstance(self.operator, Stencil) or self.system.grid is not None

    @cached_property
    def side(self) -> float:
        """Cells along the longest axis; at least those of a cube, although expanders have less."""
        return max(float(self.shape[0]), float(self.n) ** (1 / 3)) if not self.structured else float(self.shape[0])

    @cached_property
    def width(self) -> float:
        """Half-bandwidth, which is roughly the size of a separator."""
        if not self.structured:
            return self._fronts[0]
        corners = self.matrix is not None and self.matrix.nnz > (2 * len(self.shape) + 2) * self.n
        section = math.prod(self.shape[1:]) * (0.8 if self.space else 1.0)
        return section * (2.0 if self.periodic or corners else 1.0)

    @cached_property
    def space(self) -> bool:
        """Whether the grid is three-dimensional."""
        return len(self.shape) == 3

    @cached_property
    def periodic(self) -> bool:
        """Whether every side is known to be periodic."""
        operator = self.operator
        return isinstance(operator, Stencil) and all("periodic" in sides for sides in operator.boundary)

    @cached_property
    def insulated(self) -> bool:
        """Whether a side is known to be Neumann, which lets smoother modes into the box."""
        return isinstance(self.operator, Stencil) and any("neumann" in sides for sides in self.operator.boundary)

    @cached_property
    def smooth(self) -> bool:
        """Whether all diagonal entries are of similar size."""
        positive = self.diagonal[self.diagonal > 0]
        return bool(positive.size) and float(positive.max() / positive.min()) <= SMOOTH

    @property
    def wide(self) -> bool:
        """Whether, without a grid, the couplings within most rows differ by orders of magnitude."""
        return not self.structured and self.couplings is not None and self.couplings.wide

    @property
    def dominated(self) -> bool:
        """Whether the diagonal is dominant in most rows."""
        return self.couplings is None or self.couplings.dominated >= 0.5

    @property
    def mild(self) -> bool:
        """Whether methods that multiply by a nonsymmetric matrix are worth a try."""
        return self.couplings is not None and self.couplings.mild

    @cached_property
    def rough(self) -> bool:
        """Whether diagonal entries of neighbours differ by more than in `smooth`; without a grid, whether any do."""
        if self.smooth or not self.structured:
            return not self.smooth
        grid = self.system.grid
        shape = self.operator.grid_shape if isinstance(self.operator, Stencil) else grid.shape if grid else (self.n,)
        field = self.diagonal.reshape(shape)
        for axis in range(field.ndim):
            along = np.moveaxis(field, axis, 0)
            lower, upper = along[:-1], along[1:]
            if ((lower > SMOOTH * upper) | (upper > SMOOTH * lower)).any():
                return True
        return False

    @cached_property
    def asymmetry(self) -> float:
        """Ratio of the skew to the symmetric off-diagonal part: 0 for diffusion, 1 for upwind convection."""
        if self.symmetric or self.matrix is None or self.n <= TINY:
            return 0.0
        from scipy.sparse import csr_array, diags_array

        matrix = self.matrix
        transposed: Any = csr_array(matrix.T)
        if np.array_equal(matrix.indices, transposed.indices) and np.array_equal(matrix.indptr, transposed.indptr):
            off = matrix.indices != np.repeat(np.arange(self.n), np.diff(matrix.indptr))
            scale = np.abs(matrix.data).max(initial=0.0) or 1.0  # squares stay within range
            entries, mirrored = matrix.data[off] / scale, transposed.data[off] / scale
            skew, symmetric = entries - mirrored, entries + mirrored
            return float(np.linalg.norm(skew) / (np.linalg.norm(symmetric) or 1.0))
        off_diagonal = matrix - diags_array(self.diagonal)
        off_diagonal /= np.abs(off_diagonal.data).max(initial=0.0) or 1.0
        skew, symmetric = off_diagonal - off_diagonal.T, off_diagonal + off_diagonal.T
        return float(np.linalg.norm(skew.data) / (np.linalg.norm(symmetric.data) or 1.0))

    @cached_property
    def step(self) -> float:
        """Estimated seconds for one product and the vector operations of an iteration."""
        if isinstance(self.operator, Stencil):
            return self.n * (1.3e-9 if self.smooth else 1.7e-9)
        if self.dense:
            return 3e-10 * self.n**2
        return 1e-9 * (1.1 * self.matrix.nnz + self.n) if self.matrix is not None else 1e-8 * self.n

    @cached_property
    def plain_iterations(self) -> float:
        """Estimated iterations of conjugate gradients: the smaller of the bounds by grid width and by shift."""
        by_width = 1.5 if self.periodic else 4.0 if self.insulated else 3.1 if self.structured else 3.8
        free = by_width * self.side * (1.0 if self.smooth else 8.0)
        dominance = self.dominance if self.z_matrix or not self.sparse else 0.0
        return min(free, 5.0 * math.sqrt(2.0 / dominance)) if dominance > 0 else free

    @cached_property
    def couplings(self) -> Couplings | None:
        """Moments of the couplings; None without entries, or if a diagonal entry is zero."""
        return None if self.matrix is None or self.n < 2 else couplings_of(self.matrix, self.diagonal)

    @cached_property
    def positive_diagonal(self) -> bool:
        """Whether all diagonal entries are positive."""
        return bool((np.real(self.diagonal) > 0).all())

    @property
    def gap(self) -> float:
        """Estimated distance of the eigenvalues from zero with a unit diagonal; zero if it is not known."""
        return 0.0 if self.couplings is None else self.couplings.gap

    @property
    def stiff(self) -> bool:
        """Whether products help less than with a Laplacian of the same size."""
        return self.couplings is not None and self.couplings.stiff

    @property
    def lines(self) -> bool:
        """Whether most of the coupling of an unknown is with two others."""
        return self.couplings is not None and self.couplings.lines

    @property
    def nearly_dominated(self) -> bool:
        """Whether the diagonal outweighs the couplings, or nearly so, and a constant is not taken below zero."""
        return self.couplings is not None and self.couplings.nearly_dominated and not self.couplings.indefinite

    @cached_property
    def on_diagonal(self) -> bool:
        """Whether the pivots of a factorisation can stay on the diagonal."""
        from ritz.solvers.direct.pivot_order import keeps_to_diagonal

        return True if self.matrix is None else keeps_to_diagonal(self.matrix)

    @cached_property
    def crowded_share(self) -> float:
        """Share of the entries that stand in nearly full rows or columns, which rule out products of the operator."""
        if self.matrix is None:
            return 0.0
        limit = max(16.0, 10.0 * self.n**0.5)
        counts = np.diff(self.matrix.indptr), np.bincount(self.matrix.indices, minlength=self.n)
        return max(int(count[count > limit].sum()) for count in counts) / max(self.matrix.nnz, 1)

    @cached_property
    def _entries(self) -> Any:
        return self.matrix if self.matrix is not None else self.operator.to_sparse()

    @cached_property
    def factor(self) -> FactorSize:
        """Size of the sparse LU factors: a lower bound, or a guess for few unknowns, until `count_factor` is called."""
        entries = (2 * len(self.shape) + 1) * self.n if self.matrix is None else self.matrix.nnz
        return least_size(self.n, entries, guess=self.n < COUNTED)

    def count_factor(self, seconds: float) -> None:
        """Count the size of the factors, unless it is known or known to take a multiple of the given time.

        Counting takes a tenth of the time of a factorisation, and ends after a fifth of the given time.
        """
        if self.factor.complete or seconds <= self._counted_to:
            return
        self._counted_to = seconds
        matrix, effort = self._entries, 0.2 * seconds
        counted = (
            of_symmetric_pattern(matrix, effort, symmetric=self.symmetric)
            if self.on_diagonal
            else of_columns(matrix, effort)
        )
        vars(self)["factor"] = counted

    @property
    def factor_seconds(self) -> float:
        """Estimated seconds for a sparse LU factorisation; a lower bound if its size is not known."""
        on_diagonal = self.on_diagonal if self.factor.complete and self.n >= COUNTED else True
        seconds = self.factor.seconds(self.n, on_diagonal)
        return seconds if self.factor.complete else max(seconds, 2.0 * self._counted_to)

    @property
    def factor_bytes(self) -> float:
        """Estimated bytes of the LU factors."""
        return 12.0 * self.factor.entries
