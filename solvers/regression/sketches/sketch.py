"""The base class of sketches, and the number of rows they need."""

from __future__ import annotations

from abc import abstractmethod
from math import ceil, log, sqrt
from typing import Any

import numpy as np
from scipy.sparse import issparse

from ritz.arguments import check_integer, check_number, check_seed
from ritz.backend import Array, to_numpy
from ritz.errors import InvalidProblem, UnknownName
from ritz.operators import Operator
from ritz.operators.foreign_arrays import as_csr
from ritz.problem_types.least_squares import RowBlocks, row_blocks

__all__ = ["Sketch", "apply_sketch", "sketch_size"]

PANEL = 32  # columns of a matrix-free operator formed at a time


class Sketch(Operator):
    """A random matrix S with few rows for which ``S.T @ S`` is the identity on average.

    ``S @ A`` accepts NumPy arrays, torch tensors, SciPy sparse arrays and `RowBlocks`.

    Parameters
    ----------
    size : int
        Number of rows of S.
    rows : int
        Number of columns of S, which are the rows of the matrices it is applied to.
    seed : int
        Sketches of the same kind, shape and seed are equal.

    Attributes
    ----------
    guarantees : frozenset of str
        ``"l2"``: S preserves the lengths of all vectors of a subspace, hence the sketched solution is close in the
        energy norm. ``"linf"``: the error is spread evenly over the coordinates. ``docs/sketching.md`` says which of
        these guarantees are published and which only claimed.
    """

    guarantees: frozenset[str] = frozenset({"l2"})

    def __init__(self, size: int, rows: int, seed: int = 0):
        self.shape = (check_integer("size", size), check_integer("rows", rows))
        self.seed = check_seed(seed)
        self.dtype = np.dtype(np.float64)
        self.tags = frozenset()

    @abstractmethod
    def _apply_rows(self, x: Array, start: int) -> Array:
        """Return the product of r columns of S, from `start` on, with `x`, shape (r,) or (r, k)."""

    def _apply(self, x: Array) -> Array:
        return self._apply_rows(x, 0)

    def _apply_sparse(self, x: Any, start: int) -> Any:
        """Return the same product for a CSR array `x`, dense by default because the rows of S are dense."""
        panels = [self._apply_rows(x[:, j : j + PANEL].toarray(), start) for j in range(0, x.shape[1], PANEL)]
        return np.hstack(panels)

    def __matmul__(self, other: Any) -> Any:
        if issparse(other) or isinstance(other, RowBlocks):
            if other.shape[0] != self.shape[1]:
                raise InvalidProblem(f"{self!r} was applied to a matrix of shape {other.shape}")
            if issparse(other):
                return self._apply_sparse(as_csr(other, "the matrix"), 0)
            return self._stream(other)
        return super().__matmul__(other)

    def _stream(self, blocks: RowBlocks) -> Any:
        total: Any = 0.0
        for start, block in row_blocks(blocks, entries=2**22):
            sparse = issparse(block)
            total = total + (self._apply_sparse(block, start) if sparse else self._apply_rows(block, start))
        return total

    def _generator(self, *stream: int) -> np.random.Generator:
        """Return a separate generator for a part of the sketch, because parts may be made in any order."""
        return np.random.default_rng(np.random.SeedSequence((self.seed, *stream)))

    def uses_factors_of(self, A: Any) -> bool:
        """Return whether ``S @ A`` works from the factors of the operator A, without forming A."""
        return False

    def _require_all_rows(self, x: Array, start: int) -> None:
        """Raise `InvalidProblem` unless `x` has all rows."""
        if start or x.shape[0] != self.shape[1]:
            raise InvalidProblem(
                f"{self!r} mixes all rows and cannot be applied block by block: use 'sparse-sign' or 'block-srht'"
            )


def apply_sketch(sketch: Operator, A: Any) -> Array:
    """Return ``sketch @ A`` as a dense array or tensor for any A that a `LeastSquares` can hold.

    A few columns of a matrix-free operator are formed at a time.
    """
    if isinstance(A, Operator) and not isinstance(A, RowBlocks):
        if isinstance(sketch, Sketch) and sketch.uses_factors_of(A):
            return sketch @ A
        columns = A.shape[1]
        units = (np.eye(columns, min(PANEL, columns - j), -j) for j in range(0, columns, PANEL))
        return np.hstack([to_numpy(sketch @ (A @ unit)) for unit in units])
    product = sketch @ A
    return product.toarray() if issparse(product) else product


def sketch_size(columns: int, eps: float, delta: float = 0.01, norm: str = "l2", rows: int | None = None) -> int:
    r"""Return the number of rows a sketch needs according to published bounds.

    Parameters
    ----------
    columns : int
        Dimension d of the subspace: the columns of A, plus one if b is to be embedded as well.
    eps : float
        For ``"l2"``, the distortion. For ``"linf"``, the error allowed in every coordinate, as a multiple of
        :math:`\|Ax^*-b\|_2\|A^+\|_2/\sqrt d`.
    delta : float
        Probability of failure.
    norm : str
        ``"l2"``: :math:`\varepsilon^{-2}(\sqrt d+\sqrt{2\ln(2/\delta)})^2`, a theorem with these constants for
        Gaussian sketches :cite:`DavidsonSzarek2001`, which other kinds follow in measurements. ``"linf"``:
        :math:`\varepsilon^{-2}d\ln^3(n/\delta)`, claimed without constants :cite:`SongYeYinZhang2023`; two of the
        authors have since called the proof incomplete :cite:`SongZhang2026`.
    rows : int, optional
        Rows n of A; needed for ``"linf"``.

    Raises
    ------
    InvalidProblem
        Unless ``0 < eps < 1``, ``0 < delta < 1`` and `columns` is positive, or without `rows` for ``"linf"``.

    Examples
    --------
    >>> sketch_size(100, eps=0.5), sketch_size(100, eps=0.5, norm="linf", rows=10**6)
    (703, 2500214)
    """
    check_integer("columns", columns)
    check_number("eps", eps, above=0.0, below=1.0)
    check_number("delta", delta, above=0.0, below=1.0)
    if norm == "l2":
        return ceil((sqrt(columns) + sqrt(2.0 * log(2.0 / delta))) ** 2 / eps**2)
    if norm != "linf":
        raise UnknownName("norm", norm, ("l2", "linf"))
    if rows is None or rows < columns:
        raise InvalidProblem(f"rows is {rows!r}; the bound for 'linf' depends on the rows of A, at least {columns}")
    return ceil(columns * log(rows / delta) ** 3 / eps**2)
