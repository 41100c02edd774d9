"""Backward errors of approximate solutions of a least-squares problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ritz.backend import Array, asarray_like, cast, column_norm, to_numpy
from ritz.errors import InvalidProblem
from ritz.problem_types.least_squares import LeastSquares
from ritz.problem_types.linear_system import check_vector
from ritz.solution import Solution, Status

from .factor import Factor

__all__ = ["Iterate", "LeastSquaresTask"]


@dataclass(frozen=True, eq=False)
class Iterate:
    r"""An iterate with its gradient and backward errors, which follow from its true residual r; one of each per column.

    Two backward errors are available at no cost. The iterate is the exact solution of a problem in which A differs by
    :math:`rr^TA/\|r\|^2` :cite:`Stewart1977`, and of one in which b differs by the distance of the residual from that
    of the minimiser, :math:`\|A(x-x^*)\|\approx\|R^{-T}A^Tr\|`. Tolerances refer to the smaller one.

    Parameters
    ----------
    x : ndarray, shape (n,) or (n, k)
    squares : ndarray, shape (1,) or (k,)
        The sums of squares to minimise.
    gradient : ndarray, like x
        :math:`A^Tr-\lambda x`.
    shifted : ndarray, shape (rank,) or (rank, k)
        :math:`R^{-T}` times the gradient.
    ratios : ndarray, shape (1,) or (k,)
        The first error relative to the Frobenius norm of A, :math:`\|A^Tr\|/(\|A\|_F\|r\|)`.
    errors : ndarray, shape (1,) or (k,)
        The smaller of both errors, the second being relative to :math:`\|b\|`.
    """

    x: np.ndarray
    squares: np.ndarray
    gradient: np.ndarray
    shifted: np.ndarray
    ratios: np.ndarray
    errors: np.ndarray

    @property
    def residual(self) -> float:
        """Largest backward error of all columns."""
        return float(self.errors.max())


@dataclass(eq=False)
class LeastSquaresTask:
    """A checked right-hand side with the tolerances to meet, in the manner of `ritz.iteration.LinearSystemTask`.

    Parameters
    ----------
    problem : LeastSquares
    factor : Factor
    rhs, rtol, atol
        As given by the user; the problem's own right-hand side if `rhs` is None.

    Raises
    ------
    InvalidProblem
        For bad shapes or entries.
    """

    problem: LeastSquares
    factor: Factor
    rhs: Array = None
    rtol: float = 1e-8
    atol: float = 0.0
    b: Array = field(init=False)
    b_norms: np.ndarray = field(init=False)
    scale: float = field(init=False)

    def __post_init__(self):
        problem = self.problem
        self.b = problem.b
        if self.rhs is not None:
            self.b = cast(check_vector("rhs", self.rhs, problem.shape[0]), problem.dtype)
        self.b_norms = np.atleast_1d(to_numpy(column_norm(cast(self.b, np.float64))))
        self.scale = problem.norm if self.factor.norm is None else self.factor.norm

    def starting_vector(self, x0: Array | None) -> np.ndarray:
        """Return the user's starting vector, or zero, in the row space of A."""
        shape = (self.problem.shape[1], *self.b.shape[1:])
        if x0 is None:
            return np.zeros(shape)
        start = check_vector("x0", x0, shape[0])
        if tuple(start.shape) != shape:
            raise InvalidProblem(f"x0 has shape {tuple(start.shape)}; with this b it must be {shape}")
        start = np.array(to_numpy(start), dtype=np.float64)
        basis = self.factor.basis
        return start if basis is None else basis @ (basis.T @ start)

    def assess(self, x: np.ndarray) -> Iterate:
        """Return the iterate `x` with its backward errors, in one pass over A."""
        squares, gradient = self.problem.residual_and_gradient(x, self.b)
        shifted = self.factor.apply_transpose(gradient)
        squares = np.atleast_1d(squares)
        return self.judge(x, squares, gradient, shifted)

    def judge(self, x: np.ndarray, squares: np.ndarray, gradient: np.ndarray, shifted: np.ndarray) -> Iterate:
        """Return the iterate with the backward errors that follow from its sums of squares and gradient."""
        slopes = np.atleast_1d(np.linalg.norm(gradient, axis=0))
        misfit = self.scale * np.sqrt(squares)
        distance = np.atleast_1d(np.linalg.norm(shifted, axis=0))
        with np.errstate(divide="ignore", invalid="ignore"):
            # A gradient of zero means no error; NaN passes through.
            ratios = np.where(slopes > 0, slopes / misfit, slopes)
            errors = np.where(slopes > 0, np.minimum(ratios, distance / self.b_norms), slopes)
        return Iterate(x, squares, gradient, shifted, ratios, errors)

    def met(self, iterate: Iterate) -> bool:
        """Return whether every column meets the tolerances."""
        small = np.atleast_1d(np.linalg.norm(iterate.gradient, axis=0)) <= self.atol
        return bool(((iterate.errors <= self.rtol) | small).all())

    def backward_error(self, iterate: Iterate, column: int) -> float:
        """Return the estimate of Karlson and Waldén for one column, with the factor in place of A."""
        x, gradient = (part if part.ndim == 1 else part[:, column] for part in (iterate.x, iterate.gradient))
        b_norm = float(self.b_norms[column])
        if not (gradient.any() and b_norm > 0.0):
            return 0.0
        weight = self.scale / b_norm  # weight of a change of b
        share = weight / np.hypot(1.0, weight * np.linalg.norm(x))
        shift = float(share * iterate.squares[column] ** 0.5)
        return float(share * self.factor.regularised_norm(gradient, shift) / self.scale)

    def answer(self, x: np.ndarray) -> Array:
        """Return `x` in the kind, dtype and on the device of the right-hand side."""
        return asarray_like(x, self.b)

    def finish(
        self,
        iterate: Iterate,
        status: Status | None,
        history: list[float],
        timings: Mapping[str, float] | None = None,
    ) -> Solution:
        """Return the solution, with errors recomputed from it, which decide whether it has converged.

        If neither error of `Iterate` is small, the estimate of Karlson and Waldén replaces them, because a problem in
        which both A and b differ may be much closer.
        """
        x = self.answer(iterate.x)
        if self.problem.dtype != np.float64:
            iterate = self.assess(np.asarray(to_numpy(x), dtype=np.float64))
        if not self.met(iterate):  # by the cheap errors; try the sharper estimate
            estimates = [self.backward_error(iterate, column) for column in range(len(iterate.errors))]
            iterate = replace(iterate, errors=np.minimum(iterate.errors, estimates))
        if self.met(iterate):
            status = Status.CONVERGED
        elif not np.isfinite(iterate.residual):
            status = Status.NON_FINITE
        elif status is None:
            status = Status.STAGNATED
        if len(history) > 1:
            history[-1] = iterate.residual
        return Solution(
            x=x,
            status=status,
            iterations=len(history) - 1,
            residual=iterate.residual,
            history=np.array(history),
            timings=timings or {},
            stats={"rank": self.factor.rank, **self.certificates(iterate)},
        )

    def certificates(self, iterate: Iterate) -> dict[str, float]:
        r"""Return certificates of the answer from the last pass over A, for the worst column.

        ``residual_norm``; ``gradient_ratio``, :math:`\|A^Tr\|/(\|A\|_F\|r\|)`; ``backward_error``, the relative
        estimate of Karlson and Waldén :cite:`KarlsonWalden1997` with R in place of A; and ``error_estimate``, the
        estimate :math:`\|(R^TR)^{-1}A^Tr\|/\|x\|` of the relative error. If R comes from a sketch of distortion
        :math:`\varepsilon`, the latter is within a factor of :math:`(1\pm\varepsilon)^2` of the truth.
        """
        worst = int(iterate.ratios.argmax())
        x, shifted = (part if part.ndim == 1 else part[:, worst] for part in (iterate.x, iterate.shifted))
        size, error = float(np.linalg.norm(x)), float(np.linalg.norm(self.factor.apply(shifted)))
        return {
            "residual_norm": float(iterate.squares[worst]) ** 0.5,
            "gradient_ratio": float(iterate.ratios[worst]),
            "backward_error": self.backward_error(iterate, worst),
            "error_estimate": error / size if size else error,
        }
