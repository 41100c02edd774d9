"""Sketch-and-precondition: exact least squares with the QR factor of a sketch as preconditioner."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.sparse import issparse

from ritz.arguments import check_choice, check_integer
from ritz.backend import Array, single_blas_thread, to_numpy
from ritz.errors import InvalidProblem
from ritz.operators import Operator, Tag
from ritz.problem_types.least_squares import LeastSquares, RowBlocks
from ritz.registry import register
from ritz.solver import check_pairing, registered_name

from ..sketches.sketch import Sketch, apply_sketch
from ..sketches.sketch_kinds import SKETCHES, make_sketch
from ..sketches.sparse_sign import SparseSign
from .factor import sketched_solver
from .iterative_refinement import PreparedRefinement
from .scaling import prepare_in_range

__all__ = ["SketchAndPrecondition", "check_sketch_options", "default_size", "prepare_sketched", "sketched_rows"]

RATIOS = (3, 4, 6, 8, 12, 20, 40)  # rows of a sketch per column of A
NNZ = 4  # entries per column of the default sketch, enough for a preconditioner


@register("sketch-precondition")
@dataclass(frozen=True)
class SketchAndPrecondition:
    r"""Refinement to full accuracy, preconditioned by the QR factor of a sketch :cite:`RokhlinTygert2008`.

    A sketch S with s rows is applied to A and b once. With :math:`SA=QR`, the columns of :math:`AR^{-1}` are nearly
    orthonormal regardless of the condition of A. Conjugate gradients on :math:`\min\|AR^{-1}y-b\|` start from the
    sketched solution and reduce the error by a factor of about :math:`\sqrt{s/n}` per iteration. Restarts from
    recomputed residuals make the method backward stable :cite:`EpperlyMeierNakatsukasa2024`. If R is rank-deficient,
    its singular vectors replace it and give the solution of minimum norm :cite:`MengSaundersMahoney2014`.

    Preparation takes one pass over A and 2 s n² operations, an iteration one pass and O(n²) operations. Memory: s n
    numbers besides A.

    Parameters
    ----------
    sketch : str
        A name in `ritz.solvers.regression.sketches.sketch_kinds.SKETCHES`.
    size : int, optional
        Number of rows of the sketch. By default 3 to 40 times the columns of A, to minimise the expected time of the QR
        factorisation and the iterations together. With at least as many rows as A, no sketch is made.
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
        check_sketch_options(self.sketch, self.size, self.seed)

    def prepare(self, problem: LeastSquares) -> PreparedRefinement:
        """Sketch A and factor the sketch."""
        check_pairing(self, problem)
        name = registered_name(self)
        return prepare_in_range(
            problem, lambda scaled: prepare_sketched(scaled, name, self.sketch, self.size, self.seed)
        )


def check_sketch_options(sketch: str, size: int | None, seed: int, others: tuple[str, ...] = ()) -> None:
    """Raise `InvalidProblem` or `UnknownName` for options that no sketch accepts."""
    if check_choice("sketch", sketch, (*SKETCHES, *others)) not in others:
        make_sketch(sketch, 1, 1, seed) if sketch != "sparse-sign" else SparseSign(8, 8, seed)
    check_integer("size", size, optional=True)


def prepare_sketched(
    problem: LeastSquares, name: str, sketch: str, size: int | None, seed: int, to_rounding: bool = False
) -> PreparedRefinement:
    """Return the prepared solver, with a sketch of `default_size` rows if `size` is None."""
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
        factor, solve = sketched_solver(sketched_rows(problem, made), of_matrix=made is None)
        padding = np.zeros(columns if problem.ridge else 0)

    def start(b: Array) -> np.ndarray:
        image = np.asarray(to_numpy(b if made is None else made @ b), dtype=np.float64)
        return solve(np.concatenate((image, np.zeros((len(padding), *image.shape[1:])))))

    seconds = time.perf_counter() - began
    return PreparedRefinement(problem, factor, name, seconds, start, stats, to_rounding)


def sketched_rows(problem: LeastSquares, sketch: Operator | None) -> np.ndarray:
    r"""Return :math:`[SA;\sqrt\lambda I]` in float64; S is the identity if `sketch` is None."""
    A = problem.A
    with np.errstate(over="ignore", invalid="ignore"):  # what has overflowed is noticed when it is factored
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
    """Return the number of rows with the least expected time of factorisation and iterations to an error of 1e-16."""
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
