"""How good an approximate solution of a least-squares problem is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ritz.backend import Array, asarray_like, cast, column_norm, to_numpy
from ritz.errors import InvalidProblem
from ritz.problem_types.least_squares import LeastSquares
from ritz.problem_types.linear_system import check_vector
from ritz.solution import Solution, Status
from ritz.stopping import check_tolerances

from .factor import Factor

__all__ = ["Iterate", "LeastSquaresTask"]


@dataclass(frozen=True, eq=False)
class Iterate:
    r"""An iterate with its true residual r and gradient, for every column.

    Two backward errors are known without work. The iterate solves a problem exactly whose A differs by
    :math:`rr^TA/\|r\|^2` :cite:`Stewart1977`, and one whose b differs by as much as the residual does from that of
    the minimiser, :math:`\|A(x-x^*)\|\approx\|R^{-T}A^Tr\|`. The smaller is the measure that tolerances refer to.

    Parameters
    ----------
    x : ndarray, shape (n,) or (n, k)
    squares : ndarray, shape (1,) or (k,)
        The minimised sums of squares.
    gradient : ndarray, like x
        :math:`A^Tr-\lambda x`.
    shifted : ndarray, shape (rank,) or (rank, k)
        :math:`R^{-T}` times the gradient.
    ratios : ndarray, shape (1,) or (k,)
        The first of these errors, relative to the Frobenius norm of A: :math:`\|A^Tr\|/(\|A\|_F\|r\|)`.
    errors : ndarray, shape (1,) or (k,)
        The smaller one, the second being relative to :math:`\|b\|`.
    """

    x: np.ndarray
    squares: np.ndarray
    gradient: np.ndarray
    shifted: np.ndarray
    ratios: np.ndarray
    errors: np.ndarray

    @property
    def residual(self) -> float:
        """Largest backward error of a column."""
        return float(self.errors.max())


@dataclass(eq=False)
class LeastSquaresTask:
    """One right-hand side, checked, with what it takes to have solved it.

    Parameters
    ----------
    problem : LeastSquares
    factor : Factor
    rhs, rtol, atol
        As the user gave them; `rhs` None means the problem's own.

    Raises
    ------
    InvalidProblem
        Bad tolerances, shapes or entries.
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
        check_tolerances(self.rtol, self.atol, problem.dtype)
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
        """Return `x` with its residual and gradient, in one pass over A."""
        squares, gradient = self.problem.residual_and_gradient(x, self.b)
        shifted = self.factor.apply_transpose(gradient)
        squares = np.atleast_1d(squares)
        return self.judge(x, squares, gradient, shifted)

    def judge(self, x: np.ndarray, squares: np.ndarray, gradient: np.ndarray, shifted: np.ndarray) -> Iterate:
        """Return the backward errors of every column, with what they follow from."""
        slopes = np.atleast_1d(np.linalg.norm(gradient, axis=0))
        misfit = self.scale * np.sqrt(squares)
        distance = np.atleast_1d(np.linalg.norm(shifted, axis=0))
        with np.errstate(divide="ignore", invalid="ignore"):
            # Without a gradient there is no error: what is left is zero, or not a number.
            ratios = np.where(slopes > 0, slopes / misfit, slopes)
            errors = np.where(slopes > 0, np.minimum(ratios, distance / self.b_norms), slopes)
        return Iterate(x, squares, gradient, shifted, ratios, errors)

    def met(self, quality: Iterate) -> bool:
        """Whether every column is good enough."""
        small = np.atleast_1d(np.linalg.norm(quality.gradient, axis=0)) <= self.atol
        return bool(((quality.errors <= self.rtol) | small).all())

    def backward_error(self, quality: Iterate, column: int) -> float:
        """Return the estimate of Karlson and Waldén for one column, with the factor in the place of A."""
        x, gradient = (part if part.ndim == 1 else part[:, column] for part in (quality.x, quality.gradient))
        b_norm = float(self.b_norms[column])
        if not (gradient.any() and b_norm > 0.0):
            return 0.0
        weight = self.scale / b_norm  # with which a change of b counts
        share = weight / np.hypot(1.0, weight * np.linalg.norm(x))
        shift = float(share * quality.squares[column] ** 0.5)
        return float(share * self.factor.regularised_norm(gradient, shift) / self.scale)

    def answer(self, x: np.ndarray) -> Array:
        """Return `x` in the kind, dtype and on the device of the right-hand side."""
        return asarray_like(x, self.b)

    def finish(
        self,
        quality: Iterate,
        status: Status | None,
        history: list[float],
        timings: Mapping[str, float],
        stats: Mapping[str, Any],
        solver: str,
    ) -> Solution:
        """Return the solution; what is recomputed from it decides whether it has converged.

        Where neither error of `Iterate` is small, the estimate of Karlson and Waldén takes their place: a problem
        whose A and b both differ may be much closer.
        """
        x = self.answer(quality.x)
        if self.problem.dtype != np.float64:
            quality = self.assess(np.asarray(to_numpy(x), dtype=np.float64))
        if not self.met(quality):  # by what can be had without work; now the best that is known
            estimates = [self.backward_error(quality, column) for column in range(len(quality.errors))]
            quality = replace(quality, errors=np.minimum(quality.errors, estimates))
        if self.met(quality):
            status = Status.CONVERGED
        elif not np.isfinite(quality.residual):
            status = Status.NON_FINITE
        elif status is None:
            status = Status.STAGNATED
        if len(history) > 1:
            history[-1] = quality.residual
        return Solution(
            x=x,
            status=status,
            iterations=len(history) - 1,
            residual=quality.residual,
            history=np.array(history),
            timings=dict(timings),
            stats={**stats, "rank": self.factor.rank, **self.certificates(quality)},
            solver=solver,
        )

    def certificates(self, quality: Iterate) -> dict[str, float]:
        r"""Return what the last pass over A proves of the answer, for the worst column.

        ``residual_norm``; ``gradient_ratio`` :math:`\|A^Tr\|/(\|A\|_F\|r\|)`; ``backward_error``, the relative
        estimate of Karlson and Waldén :cite:`KarlsonWalden1997`, with R in the place of A; and ``error_estimate``
        :math:`\|(R^TR)^{-1}A^Tr\|/\|x\|` of the relative error, which is within a factor of
        :math:`(1\pm\varepsilon)^2` of the truth where R comes from a sketch of distortion :math:`\varepsilon`.
        """
        worst = int(quality.ratios.argmax())
        x, shifted = (part if part.ndim == 1 else part[:, worst] for part in (quality.x, quality.shifted))
        size, error = float(np.linalg.norm(x)), float(np.linalg.norm(self.factor.apply(shifted)))
        return {
            "residual_norm": float(quality.squares[worst]) ** 0.5,
            "gradient_ratio": float(quality.ratios[worst]),
            "backward_error": self.backward_error(quality, worst),
            "error_estimate": error / size if size else error,
        }
