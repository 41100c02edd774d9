"""Linear least-squares problems, optionally with a ridge penalty."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from math import prod
from typing import Any

import numpy as np
from scipy.sparse import issparse

from ritz.arguments import check_number
from ritz.backend import Array, asarray_like, cast, is_torch_array, namespace, numpy_dtype, requires_gradient, to_numpy
from ritz.errors import InvalidProblem
from ritz.operators import Dense, Operator, Sparse, aslinearoperator
from ritz.operators.foreign_arrays import as_csr, as_plain
from ritz.operators.operator import real_entries
from ritz.pickling import Picklable
from ritz.problem_types.linear_system import check_vector

__all__ = ["LeastSquares", "RowBlocks", "real_matrix", "refuse_gradients", "row_blocks"]

BLOCK_ENTRIES = 2**16  # entries of a dense matrix read at a time: half a megabyte, which fits into the cache
GPU_BLOCK_ENTRIES = 2**27


class RowBlocks(Operator):
    """A matrix given as blocks of rows, which never has to fit into memory as a whole.

    Every product reads all blocks once, in order, and checks their shapes and entries.

    Parameters
    ----------
    source : callable or iterable
        Blocks of shape (rows, n) as arrays, SciPy sparse arrays or torch tensors: either an iterable that can be
        traversed repeatedly, or a function that returns a new iterator on each call.
    rows : int
        Total number of rows.

    Raises
    ------
    InvalidProblem
        For an iterator, which is exhausted after one pass, and for blocks that do not fit together or contain NaN or
        infinity.

    Examples
    --------
    >>> (RowBlocks([np.eye(2), np.ones((1, 2))], rows=3) @ np.array([1.0, 2.0])).tolist()
    [1.0, 2.0, 3.0]
    """

    def __init__(self, source: Callable[[], Iterable[Any]] | Iterable[Any] | Any, rows: int):
        if not callable(source) and iter(source) is source:
            raise InvalidProblem(
                "A is an iterator, which is exhausted after one pass; give a list of row blocks, or a function that"
                " returns a new iterator"
            )
        self._source = source
        first = next(iter(self._stream()), None)
        if first is None:
            raise InvalidProblem("A has no row blocks: there is nothing to solve")
        first = real_matrix(first)
        self.shape = (int(rows), int(first.shape[1]))
        self.dtype = numpy_dtype(first)
        self.tags = frozenset()

    def _stream(self) -> Any:
        source: Any = self._source
        return source() if callable(source) else source

    def blocks(self) -> Generator[tuple[int, Any]]:
        """Yield the index of the first row of each block, and the block."""
        start = 0
        for number, given in enumerate(self._stream()):
            block = real_matrix(given)
            if block.shape[1] != self.shape[1] or start + block.shape[0] > self.shape[0]:
                raise InvalidProblem(
                    f"row block {number} has shape {tuple(block.shape)} and starts at row {start} of a matrix of"
                    f" shape {self.shape}"
                )
            _check_finite(f"row block {number}", block)
            yield start, block
            start += block.shape[0]
        if start != self.shape[0]:
            raise InvalidProblem(f"the row blocks hold {start} rows and b has {self.shape[0]}")

    def _apply(self, x: Array) -> Array:
        parts = [block @ asarray_like(x, _values(block)) for _, block in self.blocks()]
        return asarray_like(np.concatenate([to_numpy(part) for part in parts]), x)

    def _apply_transpose(self, x: Array) -> Array:
        total: Any = 0.0
        for start, block in self.blocks():
            total = total + block.T @ asarray_like(x[start : start + block.shape[0]], _values(block))
        return asarray_like(total, x)


@dataclass(frozen=True, eq=False)
class LeastSquares(Picklable):
    r"""Minimise :math:`\|Ax-b\|_2^2+\lambda\|x\|_2^2`; if there are several minimisers, find the one of least norm.

    Parameters
    ----------
    A : array, sparse array, Operator, torch tensor, memory-mapped array, or row blocks; shape (m, n)
        Row blocks are anything that `RowBlocks` takes. Nothing is copied, but integers are converted to float64.
    b : array, shape (m,) or (m, k)
        NumPy or torch array; the solution is of the same kind and on the same device.
    ridge : float
        Penalty :math:`\lambda\ge0`, in units of the square of A.
    exact : array, shape (n,) or (n, k), optional
        Minimiser, if known.
    name : str
        For tables and plots.

    Raises
    ------
    InvalidProblem
        For empty A, wrong shapes, a negative ridge, complex or half-precision dtypes, NaN or infinity, and for tensors
        that require gradients.

    Examples
    --------
    The mean minimises the sum of squared distances:

    >>> problem = LeastSquares(np.ones((3, 1)), np.array([1.0, 2.0, 6.0]))
    >>> squares, gradient = problem.residual_and_gradient(np.array([3.0]))
    >>> float(squares), gradient.tolist()
    (14.0, [0.0])
    """

    A: Any
    b: Array
    ridge: float = 0.0
    exact: Array | None = None
    name: str = ""

    def __post_init__(self):
        b = self.b if is_torch_array(self.b) else as_plain(self.b, "b")
        if b.ndim == 0:
            raise InvalidProblem("b is a number; it must have one entry for each row of A")
        refuse_gradients("b", b)
        A = _matrix(refuse_gradients("A", self.A), int(b.shape[0]))
        rows, columns = A.shape
        if rows == 0 or columns == 0:
            raise InvalidProblem(f"A is empty ({rows} x {columns}): there is nothing to solve")
        b = check_vector("b", b, rows)
        ridge = check_number("ridge", self.ridge, least=0.0)
        if not isinstance(A, Operator):
            _check_finite("A", A)
        object.__setattr__(self, "A", A)
        object.__setattr__(self, "b", cast(b, np.result_type(numpy_dtype(A), numpy_dtype(b))))
        object.__setattr__(self, "ridge", ridge)
        if self.exact is not None:
            object.__setattr__(self, "exact", check_vector("exact", self.exact, columns))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of A."""
        return (int(self.A.shape[0]), int(self.A.shape[1]))

    @property
    def dtype(self) -> np.dtype:
        """NumPy dtype of the solution; sums over rows are always computed in float64."""
        return numpy_dtype(self.b)

    def with_rhs(self, rhs: Array) -> LeastSquares:
        """Return the problem with another b and no known minimiser."""
        return replace(self, b=rhs, exact=None)

    @cached_property
    def norm(self) -> float:
        r"""Frobenius norm of :math:`[A;\sqrt\lambda I]`; takes one pass over A and is cached."""
        squares = sum(_square(block) for _, block in row_blocks(self.A))
        return float((squares + self.ridge * self.shape[1]) ** 0.5)

    def residual_and_gradient(self, x: np.ndarray, b: Array = None) -> tuple[Any, np.ndarray]:
        r"""Return the objective and minus half its gradient, in one pass over A.

        Parameters
        ----------
        x : ndarray, shape (n,) or (n, k)
        b : array, shape (m,) or (m, k), optional
            Replaces the problem's b.

        Returns
        -------
        float64 or ndarray, shape (k,)
            :math:`\|Ax-b\|_2^2+\lambda\|x\|_2^2`.
        ndarray, shape (n,) or (n, k)
            :math:`A^T(b-Ax)-\lambda x`, in float64.
        """
        b = self.b if b is None else b
        x = np.asarray(x, dtype=np.float64)
        squares: Any = self.ridge * np.square(x).sum(axis=0)
        gradient = -self.ridge * x
        for start, block in row_blocks(self.A):
            values = _values(block)
            part = asarray_like(b[start : start + block.shape[0]], values)
            residual = part - block @ asarray_like(x, values)
            squares = squares + to_numpy((residual * residual).sum(0))
            gradient += to_numpy(block.T @ residual)
        return squares, gradient

    def normal_product(self, p: np.ndarray) -> np.ndarray:
        r"""Return :math:`(A^TA+\lambda I)p`, shape (n,) or (n, k), in one pass over A."""
        product = self.ridge * p
        for _, block in row_blocks(self.A):
            image = block @ asarray_like(p, _values(block))
            product += to_numpy(block.T @ image)
        return product


def row_blocks(A: Any, entries: int = BLOCK_ENTRIES) -> Generator[tuple[int, Any]]:
    """Yield the index of the first row of each block of rows of A, and the block, whose products are in float64.

    Dense matrices are split into blocks of about `entries` entries, row blocks likewise; sparse matrices and operators
    are a single block. Every block has ``shape`` and ``T`` and is applied with ``@``.
    """
    if isinstance(A, RowBlocks):
        for start, block in A.blocks():
            for inside, part in row_blocks(block, entries):
                yield start + inside, part
        return
    if isinstance(A, Operator) or issparse(A):
        yield 0, A if isinstance(A, Operator) else A.astype(np.float64, copy=False)
        return
    if is_torch_array(A) and A.device.type != "cpu":
        entries = GPU_BLOCK_ENTRIES
    step = max(1, entries // A.shape[1])
    for start in range(0, A.shape[0], step):
        yield start, cast(A[start : start + step], np.float64)


def _values(block: Any) -> Array:
    """Return an array whose kind, dtype and device are those of vectors that `block` is applied to."""
    return block if is_torch_array(block) else _FLOAT64


_FLOAT64 = np.empty(0)


def _square(block: Any) -> float:
    """Return the sum of squares of the entries."""
    if isinstance(block, Operator):
        columns = block.shape[1]
        units = (np.eye(columns, min(32, columns - j), -j) for j in range(0, columns, 32))
        return float(sum(np.square(to_numpy(block @ unit)).sum() for unit in units))
    entries = block.data if issparse(block) else block
    if is_torch_array(entries):
        return float((entries * entries).sum())
    return float(np.vdot(entries, entries))


def _matrix(given: Any, rows: int) -> Any:
    """Return A as an ndarray, a CSR array, a tensor, or an Operator whose entries are not stored."""
    if isinstance(given, (Dense, Sparse)):
        matrix = given.matrix
    elif isinstance(given, Operator):
        matrix = given
    elif is_torch_array(given) or isinstance(given, np.ndarray) or issparse(given):
        matrix = real_matrix(given)
    elif hasattr(given, "matvec"):
        matrix = aslinearoperator(given)
    elif callable(given) or inspect.isgenerator(given) or _holds_blocks(given):
        matrix = RowBlocks(given, rows)
    else:
        matrix = real_matrix(given)
    if matrix.shape[0] != rows:
        raise InvalidProblem(f"A has {matrix.shape[0]} rows and b has {rows}; they must be the same")
    return matrix


def refuse_gradients(name: str, given: Any) -> Any:
    """Return `given`, unless torch is asked for gradients with respect to it, which would be lost."""
    if requires_gradient(given):
        raise InvalidProblem(f"{name} requires gradients, which regression does not give: pass {name}.detach()")
    return given


def _holds_blocks(given: Any) -> bool:
    """Return whether `given` is an iterable of two-dimensional arrays; an iterator is assumed to be one."""
    try:
        if iter(given) is given:
            return True
        first = next(islice(given, 1), None)
    except TypeError:
        return False
    return getattr(first, "ndim", 1) == 2


def real_matrix(given: Any) -> Any:
    """Return A as an ndarray, a CSR array or a tensor in float32 or float64; integers become float64.

    Raises
    ------
    InvalidProblem
        If it is not a matrix of real numbers.
    """
    if is_torch_array(given):
        import torch

        if given.layout != torch.strided:
            return real_entries(as_csr(given, "A"), name="A")
        if given.ndim != 2 or given.dtype not in (torch.float32, torch.float64):
            if given.ndim == 2 and not (given.is_floating_point() or given.is_complex()):
                return given.double()
            raise InvalidProblem(
                f"A has shape {tuple(given.shape)} and dtype {given.dtype}; it must be a real matrix in float32 or"
                " float64"
            )
        return given.detach()
    matrix: Any = as_csr(given, "A") if issparse(given) else as_plain(given, "A")
    if issparse(given) and not matrix.has_canonical_format:
        matrix = matrix.copy()  # SciPy would sort the indices in place, which are the caller's
        matrix.sum_duplicates()
    if matrix.dtype.kind not in "biufc":
        raise InvalidProblem(
            f"A is a {type(given).__name__} that is no real matrix; give an array, a SciPy sparse array, an Operator, a"
            " torch tensor, or row blocks"
        )
    return real_entries(matrix, name="A")


def _check_finite(name: str, matrix: Any) -> None:
    """Raise `InvalidProblem` for NaN or infinity, which show in sums of the entries at the speed of memory."""
    entries = matrix.data if issparse(matrix) else matrix
    xp = namespace(entries)
    step = max(1, 2**20 // max(1, prod(entries.shape[1:])))
    for start in range(0, entries.shape[0], step):
        part = entries[start : start + step]
        with np.errstate(over="ignore", invalid="ignore"):
            suspect = not np.isfinite(float(part.sum()))  # unless the sum merely overflowed
        if suspect and not bool(xp.isfinite(part).all()):
            raise InvalidProblem(f"{name} has entries that are NaN or infinite, the first of them below row {start}")
