"""What every sketch has in common."""

from __future__ import annotations

from abc import abstractmethod
from math import ceil, log, sqrt
from numbers import Integral
from typing import Any

import numpy as np
from scipy.sparse import csr_array, issparse

from ritz.backend import Array, to_numpy
from ritz.errors import InvalidProblem, UnknownName
from ritz.operators import Operator
from ritz.problem_types.least_squares import RowBlocks, row_blocks

__all__ = ["Sketch", "apply_sketch", "sketch_size"]

PANEL = 32  # columns of an operator without entries that are formed at once


class Sketch(Operator):
    """A random matrix S of few rows for which ``S.T @ S`` is the identity on average.

    ``S @ A`` takes NumPy arrays, torch tensors, SciPy sparse arrays and `RowBlocks`.

    Parameters
    ----------
    size : int
        Rows of S.
    rows : int
        Columns of S: the rows of what it is applied to.
    seed : int
        Two sketches of one kind, shape and seed are equal.

    Attributes
    ----------
    guarantees : frozenset of str
        ``"l2"``: S keeps the lengths of all vectors of a subspace, so that the sketched solution is near in the
        energy norm. ``"linf"``: the error is spread evenly over the coordinates, as published or claimed; see
        ``docs/sketching.md`` for which is which.
    """

    guarantees: frozenset[str] = frozenset({"l2"})

    def __init__(self, size: int, rows: int, seed: int = 0):
        for name, value, least in (("size", size, 1), ("rows", rows, 1), ("seed", seed, 0)):
            if not isinstance(value, Integral) or isinstance(value, (bool, np.bool_)) or value < least:
                raise InvalidProblem(f"{name} is {value!r}; a sketch takes an integer of at least {least}")
        self.shape = (int(size), int(rows))
        self.seed = int(seed)
        self.dtype = np.dtype(np.float64)
        self.tags = frozenset()

    @abstractmethod
    def _apply_rows(self, x: Array, start: int) -> Array:
        """Return the product of the columns of S from `start` on with as many rows, shape (r,) or (r, k)."""

    def _apply(self, x: Array) -> Array:
        return self._apply_rows(x, 0)

    def _apply_sparse(self, x: Any, start: int) -> Any:
        """Return the same product with a CSR array: dense here, as the rows of S are."""
        panels = [self._apply_rows(x[:, j : j + PANEL].toarray(), start) for j in range(0, x.shape[1], PANEL)]
        return np.hstack(panels)

    def __matmul__(self, other: Any) -> Any:
        if issparse(other) or isinstance(other, RowBlocks):
            if other.shape[0] != self.shape[1]:
                raise InvalidProblem(f"{self!r} was applied to a matrix of shape {other.shape}")
            if issparse(other):
                return self._apply_sparse(csr_array(other), 0)
            return self._stream(other)
        return super().__matmul__(other)

    def _stream(self, blocks: RowBlocks) -> Any:
        total: Any = 0.0
        for start, block in row_blocks(blocks, entries=2**22):
            sparse = issparse(block)
            total = total + (self._apply_sparse(block, start) if sparse else self._apply_rows(block, start))
        return total

    def _generator(self, *stream: int) -> np.random.Generator:
        """Return a generator of its own for each part of the sketch, so that parts can be made in any order."""
        return np.random.default_rng(np.random.SeedSequence((self.seed, *stream)))

    def _whole(self, x: Array, start: int) -> None:
        """Refuse to be applied to some of the rows."""
        if start or x.shape[0] != self.shape[1]:
            raise InvalidProblem(
                f"{self!r} mixes all rows and cannot be applied block by block: use 'sparse-sign' or 'block-srht'"
            )


def apply_sketch(sketch: Operator, A: Any) -> Array:
    """Return ``sketch @ A`` as a dense array or tensor for any A that a `LeastSquares` holds.

    Of an Operator without entries a few columns are formed at a time.
    """
    if isinstance(A, Operator) and not isinstance(A, RowBlocks):
        from ritz.operators import Kronecker

        from .tensor_srht import TensorSRHT

        if isinstance(sketch, TensorSRHT) and isinstance(A, Kronecker) and sketch.fits(A):
            return sketch @ A
        columns = A.shape[1]
        units = (np.eye(columns, min(PANEL, columns - j), -j) for j in range(0, columns, PANEL))
        return np.hstack([to_numpy(sketch @ (A @ unit)) for unit in units])
    product = sketch @ A
    return product.toarray() if issparse(product) else product


def sketch_size(columns: int, eps: float, delta: float = 0.01, norm: str = "l2", rows: int | None = None) -> int:
    r"""Return how many rows a sketch needs, by the published bounds.

    Parameters
    ----------
    columns : int
        Dimension d of the subspace: columns of A, and one more if b is to be embedded too.
    eps : float
        Distortion for ``"l2"``; for ``"linf"`` the error asked for, as a multiple of
        :math:`\|Ax^*-b\|_2\|A^+\|_2/\sqrt d` in every coordinate.
    delta : float
        Probability of failure.
    norm : str
        ``"l2"``: :math:`\varepsilon^{-2}(\sqrt d+\sqrt{2\ln(2/\delta)})^2`, which for Gaussian sketches is a theorem
        with these constants :cite:`DavidsonSzarek2001` and which other kinds are measured to follow. ``"linf"``:
        :math:`\varepsilon^{-2}d\ln^3(n/\delta)`, claimed without constants :cite:`SongYeYinZhang2023`; the proof has
        since been called incomplete by two of its authors :cite:`SongZhang2026`.
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
    if columns < 1:
        raise InvalidProblem(f"columns is {columns!r}; it must be at least 1")
    for name, value in (("eps", eps), ("delta", delta)):
        if not 0.0 < value < 1.0:
            raise InvalidProblem(f"{name} is {value!r}; it must lie between 0 and 1")
    if norm == "l2":
        return ceil((sqrt(columns) + sqrt(2.0 * log(2.0 / delta))) ** 2 / eps**2)
    if norm != "linf":
        raise UnknownName("norm", norm, ("l2", "linf"))
    if rows is None or rows < columns:
        raise InvalidProblem(f"rows is {rows!r}; the bound for 'linf' depends on the rows of A, at least {columns}")
    return ceil(columns * log(rows / delta) ** 3 / eps**2)
