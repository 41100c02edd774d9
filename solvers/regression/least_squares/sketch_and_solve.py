"""Sketch-and-solve: approximate least squares from a sketched problem."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ritz.arguments import check_choice
from ritz.backend import Array, single_blas_thread, to_numpy
from ritz.errors import InvalidProblem
from ritz.operators import Tag
from ritz.problem_types.least_squares import LeastSquares, RowBlocks
from ritz.registry import register
from ritz.solver import check_pairing, registered_name

from ..column_space.leverage_scores import leverage_scores
from ..sketches.row_sample import RowSample
from ..sketches.sketch import Sketch
from ..sketches.sketch_kinds import make_sketch
from ..sketches.sparse_sign import SparseSign
from .black_box import PreparedBlackBox
from .factor import Factor, sketched_solver
from .scaling import prepare_in_range
from .sketch_and_precondition import check_sketch_options, sketched_rows

__all__ = ["SketchAndSolve"]

RATIO = 20  # rows of the sketch per column of A
DRAWS = 3  # limit of sketches drawn
NULL = 1e-10  # relative size below which the square of an image counts as zero
SAFE_NNZ = 8  # entries per column that spread the error over the coordinates


@register("sketch-solve")
@dataclass(frozen=True)
class SketchAndSolve:
    r"""Approximate least squares: solve :math:`\min\|SAx-Sb\|` after one pass over A :cite:`DrineasEtAl2011`.

    With n columns and s rows of S, the squared residual is about :math:`1+n/s` times the least possible, and the error
    of x about :math:`\sqrt{n/s}\,\|r\|\|A^+\|`. The answer has to meet the tolerance like any other, so choose a loose
    one or pass ``throw=False``; ``stats["error_estimate"]`` estimates the error. Takes O(s n²) operations besides the
    sketching, and s n numbers of memory.

    Parameters
    ----------
    sketch : str
        A name in `ritz.solvers.regression.sketches.sketch_kinds.SKETCHES`, or ``"leverage"`` to sample rows by leverage
        scores, which are themselves computed by sketching.
    size : int, optional
        Number of rows of the sketch, see `ritz.solvers.regression.sketches.sketch.sketch_size`; 20 times the columns of
        A if None. With at least as many rows as A, the problem is solved exactly.
    seed : int
    norm : str
        ``"l2"``, or ``"linf"`` to be warned if the sketch does not spread the error evenly over the coordinates.

    Examples
    --------
    >>> import ritz
    >>> problem = ritz.problems.regression(5000, 10, condition=10.0)
    >>> solution = ritz.solve(problem, "sketch-solve", size=1000, rtol=0.1)
    >>> solution.error(problem.exact) < 0.1
    True
    """

    sketch: str = "srht"
    size: int | None = None
    seed: int = 0
    norm: str = "l2"
    solves: ClassVar[type] = LeastSquares
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def __post_init__(self):
        check_sketch_options(self.sketch, self.size, self.seed, others=("leverage",))
        check_choice("norm", self.norm, ("l2", "linf"))

    def prepare(self, problem: LeastSquares) -> PreparedBlackBox:
        """Sketch A and factor the sketch, which is redrawn if it loses directions of A.

        Raises
        ------
        InvalidProblem
            If three sketches lose directions.
        """
        check_pairing(self, problem)
        return prepare_in_range(problem, self._prepare)

    def _prepare(self, problem: LeastSquares) -> PreparedBlackBox:
        began = time.perf_counter()
        rows, columns = problem.shape
        size = RATIO * columns if self.size is None else self.size
        if size < columns and size < rows:
            raise InvalidProblem(f"size is {size}; a sketch of A needs at least its {columns} columns as rows")
        with single_blas_thread():
            sketch, factor, solve = self._draw(problem, size if size < rows else None)

        def answer(b: Array, x0: np.ndarray, rtol: float, limit: int | None) -> tuple[np.ndarray, int]:
            image = np.asarray(to_numpy(b if sketch is None else sketch @ b), dtype=np.float64)
            below = columns if problem.ridge else 0
            return solve(np.concatenate((image, np.zeros((below, *image.shape[1:]))))), 1

        stats: dict[str, Any] = {"sketch": "none: no smaller than A, solved exactly", "size": rows}
        if sketch is not None:
            stats = {"sketch": self.sketch, "size": size, "guarantees": tuple(sorted(sketch.guarantees))}
        seconds = time.perf_counter() - began
        return PreparedBlackBox(problem, answer, lambda: factor, registered_name(self), seconds, stats)

    def _draw(
        self, problem: LeastSquares, size: int | None
    ) -> tuple[Sketch | None, Factor, Callable[[np.ndarray], np.ndarray]]:
        """Return a sketch under which A keeps its rank, its factor, and a function that solves sketched problems."""
        if size is None:
            return None, *sketched_solver(sketched_rows(problem, None), of_matrix=True)
        for draw in range(DRAWS):
            sketch = self._make(problem, size, (self.seed + draw) % 2**63)
            matrix = sketched_rows(problem, sketch)
            factor, solve = sketched_solver(matrix)
            if _maps_to_zero(problem, factor):
                return sketch, factor, solve
        raise InvalidProblem(
            f"{DRAWS} sketches of kind {self.sketch!r} with {size} rows have lost directions that A does not map to"
            " zero: raise size, or use 'srht' or 'gaussian'"
        )

    def _make(self, problem: LeastSquares, size: int, seed: int) -> Sketch:
        rows = problem.shape[0]
        if self.sketch == "leverage":
            made: Sketch = RowSample(size, leverage_scores(problem.A, "sketch", seed), seed)
        elif self.sketch == "srht" and isinstance(problem.A, RowBlocks):
            made = make_sketch("block-srht", size, rows, seed)
        else:
            made = make_sketch(self.sketch, size, rows, seed)
        few = isinstance(made, SparseSign) and made.nnz < SAFE_NNZ
        if self.norm == "linf" and (few or isinstance(made, RowSample)):
            warnings.warn(
                f"sketch {self.sketch!r} has fewer than {SAFE_NNZ} entries in a column: if a large residual and a row"
                " of high leverage meet in one of its rows, a single coordinate of x takes the whole error. Use"
                " 'srht', 'gaussian' or 'sparse-sign' for norm='linf'",
                stacklevel=4,
            )
        return made


def _maps_to_zero(problem: LeastSquares, factor: Factor) -> bool:
    """Return whether A maps the directions to zero that its sketch has lost, which are none if this has full rank."""
    lost = factor.lost_directions()
    if not lost.size:
        return True
    squares = np.einsum("ij,ij->j", lost, problem.normal_product(lost))
    return bool((squares <= NULL * np.square(lost * factor.lengths[:, None]).sum(axis=0)).all())
