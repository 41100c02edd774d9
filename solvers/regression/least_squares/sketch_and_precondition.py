"""Sketch-and-precondition: exact least squares from the QR factors of a sketch."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.sparse import issparse

from ritz.backend import Array, single_blas_thread, to_numpy
from ritz.errors import InvalidProblem
from ritz.operators import Operator, Tag
from ritz.problem_types.least_squares import LeastSquares, RowBlocks
from ritz.registry import register
from ritz.solver import check_pairing, registered_name

from ..sketches.sketch import Sketch, apply_sketch
from ..sketches.sketch_kinds import make_sketch
from ..sketches.sparse_sign import SparseSign
from .factor import sketched_solver
from .iterative_refinement import PreparedRefinement

__all__ = ["SketchAndPrecondition", "check_options", "default_size", "prepare_sketched", "sketched_rows"]

RATIOS = (3, 4, 6, 8, 12, 20, 40)  # rows of a sketch by columns of A
NNZ = 4  # of the default sketch: a preconditioner needs no more


@register("sketch-precondition")
@dataclass(frozen=True)
class SketchAndPrecondition:
    r"""QR of a sketch as preconditioner, and refinement until the answer is exact :cite:`RokhlinTygert2008`.

    S is applied to A and b once. :math:`SA=QR` makes the columns of :math:`AR^{-1}` nearly orthonormal whatever the
    condition of A; conjugate gradients on :math:`\min\|AR^{-1}y-b\|` start from the sketched solution and gain a
    factor of about :math:`\sqrt{s/n}` an iteration, s being the rows of S. Restarted from recomputed residuals, this
    is backward stable :cite:`EpperlyMeierNakatsukasa2024`. Where R is rank-deficient its singular vectors take its
    place, and the answer is that of minimum norm :cite:`MengSaundersMahoney2014`.

    An iteration takes one pass over A and O(n²) operations; preparation one pass and 2 s n². Memory: s n numbers
    besides A.

    Parameters
    ----------
    sketch : str
        A name in `ritz.solvers.regression.sketches.sketch_kinds.SKETCHES`.
    size : int, optional
        Rows of the sketch. Left out, 3 to 40 times the columns of A, so that the QR factorisation and the expected
        iterations take the least time together. No less than the rows of A means no sketch at all.
    seed : int

    Examples
    --------
    >>> import ritz
    >>> problem = ritz.problems.regression(2000, 20, condition=1e10)
    >>> solution = ritz.solve(problem, "sketch-precondition", rtol=1e-14)
    >>> solution.converged, solution.stats["rank"]
    (True, 20)
    """

    sketch: str = "sparse-sign"
    size: int | None = None
    seed: int = 0
    solves: ClassVar[type] = LeastSquares
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def __post_init__(self):
        check_options(self.sketch, self.size, self.seed)

    def prepare(self, problem: LeastSquares) -> PreparedRefinement:
        """Sketch A and factor the sketch."""
        check_pairing(self, problem)
        return prepare_sketched(problem, registered_name(self), self.sketch, self.size, self.seed)


def check_options(sketch: str, size: int | None, seed: int, others: tuple[str, ...] = ()) -> None:
    """Raise `InvalidProblem` or `UnknownName` for options that no sketch takes."""
    if sketch not in others:
        make_sketch(sketch, 1, 1, seed) if sketch != "sparse-sign" else SparseSign(8, 8, seed)
    if size is not None and (not isinstance(size, (int, np.integer)) or size < 1):
        raise InvalidProblem(f"size is {size!r}; it must be a positive integer, or None")


def prepare_sketched(
    problem: LeastSquares, name: str, sketch: str, size: int | None, seed: int, to_rounding: bool = False
) -> PreparedRefinement:
    """Return the prepared solver; `size` None means `default_size`."""
    began = time.perf_counter()
    rows, columns = problem.shape
    size = default_size(problem) if size is None else size
    if size < columns and size < rows:
        raise InvalidProblem(f"size is {size}; a sketch of A needs at least its {columns} columns as rows")
    made: Sketch | None = None
    stats: dict[str, Any] = {"sketch": "none: no smaller than A", "size": rows}
    if size < rows:
        made = SparseSign(size, rows, seed, min(NNZ, size)) if sketch == "sparse-sign" else None
        made = made or make_sketch(sketch, size, rows, seed)
        stats = {"sketch": sketch, "size": size}
    with single_blas_thread():
        factor, solve = sketched_solver(sketched_rows(problem, made))
        padding = np.zeros(columns if problem.ridge else 0)

    def start(b: Array) -> np.ndarray:
        image = np.asarray(to_numpy(b if made is None else made @ b), dtype=np.float64)
        return solve(np.concatenate((image, np.zeros((len(padding), *image.shape[1:])))))

    seconds = time.perf_counter() - began
    return PreparedRefinement(problem, factor, name, seconds, start, stats, to_rounding)


def sketched_rows(problem: LeastSquares, sketch: Operator | None) -> np.ndarray:
    r"""Return :math:`[SA;\sqrt\lambda I]` in float64; `sketch` None means the identity."""
    A = problem.A
    if sketch is not None:
        product = apply_sketch(sketch, A)
    elif isinstance(A, Operator):
        product = A @ np.eye(problem.shape[1])
    else:
        product = A.toarray() if issparse(A) else A
    product = np.asarray(to_numpy(product), dtype=np.float64)
    if not problem.ridge:
        return product
    return np.vstack((product, problem.ridge**0.5 * np.eye(problem.shape[1])))


def default_size(problem: LeastSquares) -> int:
    """Return how many rows make the factorisation and 1e-16 / (factor by iteration) passes take the least time."""
    rows, columns = problem.shape
    A = problem.A
    touched = 10.0 * A.nnz if issparse(A) else float(rows * columns)
    if isinstance(A, Operator) and not isinstance(A, RowBlocks):
        touched = 20.0 * (rows + columns)
    iteration = 4e-10 * touched + 2e-9 * columns**2 + 5e-5  # seconds, of which only ratios matter

    def seconds(ratio: int) -> float:
        return 1e-10 * ratio * columns**3 + iteration * 74.0 / math.log(ratio)

    fitting = [ratio for ratio in RATIOS if ratio * columns <= rows // 2] or [RATIOS[0]]
    return max(min(fitting, key=seconds) * columns, 4 * columns if rows >= 8 * columns else 0, 16)
