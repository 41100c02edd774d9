"""Backward errors of approximate solutions of a least-squares problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ritz.backend import Array, asarray_like, cast, column_norm, machine_epsilon, namespace, to_numpy
from ritz.errors import InvalidProblem
from ritz.problem_types.least_squares import LeastSquares, refuse_gradients
from ritz.problem_types.linear_system import check_vector
from ritz.solution import Solution, Status

from ..column_space.unlike_rows import powers_of_two
from .factor import Factor

__all__ = ["Iterate", "LeastSquaresTask"]

ATTAINABLE = 5.0  # error of a backward stable method, in units of rounding times the condition
SMALLEST, LARGEST = 1e-40, 1e40  # norms of b with which products and their squares are in range


@dataclass(frozen=True, eq=False)
class Iterate:
    r"""An iterate with its gradient and errors, which follow from its true residual r; one of each per column of b.

    All errors are those in the units in which the columns of A have length 1; otherwise a long column would hide the
    errors of short ones.

    Two backward errors are available at no cost. The iterate is the exact solution of a problem in which A differs by
    :math:`rr^TA/\|r\|^2` :cite:`Stewart1977`, and of one in which b differs by the distance of the residual from that
    of the minimiser, :math:`\|A(x-x^*)\|\approx\|R^{-T}A^Tr\|`. If A is ill-conditioned, both may be small and x wrong
    nevertheless. The relative error of x, estimated by :math:`(R^TR)^{-1}A^Tr`, therefore counts as well, as long as it
    exceeds what rounding explains: five units of rounding times :math:`\kappa\|x\|+\kappa^2\|r\|`.

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
        The first backward error relative to the Frobenius norm of A, :math:`\|A^Tr\|/(\|A\|_F\|r\|)`.
    backward : ndarray, shape (1,) or (k,)
        The smaller of both backward errors, the second being relative to :math:`\|b\|`.
    forward : ndarray, shape (1,) or (k,)
        Estimate of the relative error of x, or 0 where rounding explains it.
    """

    x: np.ndarray
    squares: np.ndarray
    gradient: np.ndarray
    shifted: np.ndarray
    ratios: np.ndarray
    backward: np.ndarray
    forward: np.ndarray

    @property
    def errors(self) -> np.ndarray:
        """The larger of backward error and excess error of x, which tolerances refer to."""
        return np.maximum(self.backward, self.forward)

    @property
    def residual(self) -> float:
        """Largest error of all columns."""
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
    scale : ndarray, shape (n,), optional
        Powers of two by which the columns of the user's A were multiplied to give the problem's.

    Attributes
    ----------
    b : array
        Right-hand side; columns whose squares overflow or vanish are divided by a power of two, as is their x.

    Raises
    ------
    InvalidProblem
        For bad shapes or entries, and for tensors that require gradients.
    """

    problem: LeastSquares
    factor: Factor
    rhs: Array = None
    rtol: float = 1e-8
    atol: float = 0.0
    scale: np.ndarray | None = None
    b: Array = field(init=False)
    b_norms: np.ndarray = field(init=False)
    _units: Any = field(init=False, default=None)

    def __post_init__(self):
        problem = self.problem
        self.b = problem.b
        if self.rhs is not None:
            rhs = refuse_gradients("rhs", self.rhs)
            self.b = cast(check_vector("rhs", rhs, problem.shape[0]), problem.dtype)
        with np.errstate(over="ignore"):
            norms = to_numpy(column_norm(cast(self.b, np.float64)))
        if not ((norms > SMALLEST) & (norms < LARGEST)).all():
            self._units = powers_of_two(to_numpy(namespace(self.b).max(abs(self.b), axis=0)).astype(np.float64))
            self.b = self.b / asarray_like(self._units, self.b)
            norms = to_numpy(column_norm(cast(self.b, np.float64)))
        self.b_norms = np.atleast_1d(norms)

    def starting_vector(self, x0: Array | None) -> np.ndarray:
        """Return the user's starting vector, or zero, in the row space of A."""
        shape = (self.problem.shape[1], *self.b.shape[1:])
        if x0 is None:
            return np.zeros(shape)
        start = check_vector("x0", refuse_gradients("x0", x0), shape[0])
        if tuple(start.shape) != shape:
            raise InvalidProblem(f"x0 has shape {tuple(start.shape)}; with this b it must be {shape}")
        start = self._in_units(np.array(to_numpy(start), dtype=np.float64))
        return self.factor.in_row_space(start if np.isfinite(start).all() else np.zeros(shape))

    def assess(self, x: np.ndarray) -> Iterate:
        """Return the iterate `x` with its backward errors, in one pass over A."""
        squares, gradient = self.problem.residual_and_gradient(x, self.b)
        shifted = self.factor.apply_transpose(gradient)
        squares = np.atleast_1d(squares)
        return self.judge(x, squares, gradient, shifted)

    def judge(self, x: np.ndarray, squares: np.ndarray, gradient: np.ndarray, shifted: np.ndarray) -> Iterate:
        """Return the iterate with the backward errors that follow from its sums of squares and gradient."""
        factor = self.factor
        unit_gradient, size = _by_length(gradient, 1.0 / factor.lengths), np.sqrt(squares)
        slopes, distance = _norms(unit_gradient), _norms(shifted)
        error, length = _norms(_by_length(factor.apply(shifted), factor.lengths)), _norms(_by_length(x, factor.lengths))
        attainable = ATTAINABLE * self._rounding(length, size)
        with np.errstate(divide="ignore", invalid="ignore"):
            # A gradient of zero means no error; NaN passes through.
            ratios = np.where(slopes > 0, slopes / (len(factor.lengths) ** 0.5 * size), slopes)
            backward = np.where(slopes > 0, np.minimum(ratios, distance / self.b_norms), slopes)
            forward = np.where(error <= attainable, 0.0, error / np.maximum(error, length))
        if factor.basis is not None:  # parts of the gradient that a rank-deficient R does not see
            lost = _norms(_by_length(gradient - factor.undo_transpose(shifted), 1.0 / factor.lengths))
            forward = np.where(lost > 0.5 * slopes, np.maximum(forward, ratios), forward)
        return Iterate(x, squares, gradient, shifted, ratios, backward, forward)

    def _rounding(self, length: np.ndarray, size: np.ndarray) -> np.ndarray:
        """Return the error of x, with columns of unit length, to which rounding limits backward stable methods."""
        condition = self.factor.condition
        computed = machine_epsilon(np.float64) * condition * (length + condition * size)
        return computed + machine_epsilon(self.problem.dtype) * length

    def met(self, iterate: Iterate) -> bool:
        """Return whether every column meets the tolerances."""
        small = iterate.errors <= self.rtol
        if self.atol > 0.0:  # otherwise a gradient that vanishes in the user's units would pass
            small |= self._gradient_norms(iterate) <= self.atol
        return bool(small.all())

    def _gradient_norms(self, iterate: Iterate) -> np.ndarray:
        """Return the norms of the gradients in the user's units."""
        gradient = iterate.gradient if self.scale is None else _by_length(iterate.gradient, 1.0 / self.scale)
        return _norms(gradient if self._units is None else gradient * self._units)

    def backward_error(self, iterate: Iterate, column: int) -> float:
        """Return the estimate of Karlson and Waldén for one column, with the factor in place of A."""
        x, gradient = (part if part.ndim == 1 else part[:, column] for part in (iterate.x, iterate.gradient))
        b_norm = float(self.b_norms[column])
        if not (gradient.any() and b_norm > 0.0):
            return 0.0
        norm = len(x) ** 0.5  # of a matrix with columns of unit length
        weight = norm / b_norm  # weight of a change of b
        share = weight / np.hypot(1.0, weight * np.linalg.norm(x * self.factor.lengths))
        shift = float(share * iterate.squares[column] ** 0.5)
        return float(share * self.factor.regularised_norm(gradient, shift) / norm)

    def answer(self, x: np.ndarray) -> Array:
        """Return `x` in the user's units, in the kind, dtype and on the device of the right-hand side."""
        if self.scale is not None:
            x = _by_length(x, self.scale)
        return asarray_like(x if self._units is None else x * self._units, self.b)

    def _in_units(self, x: np.ndarray) -> np.ndarray:
        """Return the user's `x` in the units of the problem."""
        x = x if self._units is None else x / self._units
        return x if self.scale is None else _by_length(x, 1.0 / self.scale)

    def finish(
        self,
        iterate: Iterate,
        status: Status | None,
        history: list[float],
        timings: Mapping[str, float] | None = None,
    ) -> Solution:
        """Return the solution, with errors recomputed from it, which decide whether it has converged.

        Columns that overflow end as zero. If neither error of `Iterate` is small, the estimate of Karlson and Waldén
        replaces them, because a problem in which both A and b differ may be much closer.
        """
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            x = self.answer(iterate.x)
            values = np.asarray(to_numpy(x), dtype=np.float64)
            beyond = ~np.isfinite(values).all(axis=0)  # columns that the numbers of this dtype do not reach
            if beyond.any():
                values = np.where(beyond, 0.0, values)
                x = asarray_like(values, self.b)
            if beyond.any() or self.problem.dtype != np.float64 or self.scale is not None or self._units is not None:
                iterate = self.assess(self._in_units(values))
        if not self.met(iterate):  # by the cheap errors; try the sharper estimate
            estimates = [self.backward_error(iterate, column) for column in range(len(iterate.backward))]
            iterate = replace(iterate, backward=np.minimum(iterate.backward, estimates))
        if self.met(iterate):
            status = Status.CONVERGED if status is not Status.INTERRUPTED else status  # Ctrl-C must not be lost
        elif beyond.any() or not np.isfinite(iterate.residual):
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

        ``residual_norm``; ``gradient_ratio``, :math:`\|A^Tr\|/(\|A\|_F\|r\|)`; and, for columns of unit length, the
        ``condition`` number; ``backward_error``, the relative estimate of Karlson and Waldén :cite:`KarlsonWalden1997`
        with R in place of A; and ``error_estimate``, the relative error of x. This is the larger of
        :math:`\|(R^TR)^{-1}A^Tr\|/\|x\|` and of what rounding may do to any method in this precision. If R comes from a
        sketch of distortion :math:`\varepsilon`, the former is within a factor of :math:`(1\pm\varepsilon)^2` of the
        truth.
        """
        worst = int(iterate.ratios.argmax())
        x, shifted, gradient = (
            part if part.ndim == 1 else part[:, worst] for part in (iterate.x, iterate.shifted, iterate.gradient)
        )
        lengths, size = self.factor.lengths, float(iterate.squares[worst]) ** 0.5
        norm = float(np.linalg.norm(lengths)) if self.factor.of_matrix else self.problem.norm
        slope, length = float(np.linalg.norm(gradient)), float(np.linalg.norm(x * lengths))
        error = float(np.linalg.norm(self.factor.apply(shifted) * lengths))
        rounding = float(self._rounding(np.array(length), np.array(size)))
        unit = 1.0 if self._units is None else float(np.atleast_1d(self._units)[worst])
        return {
            "residual_norm": size * unit,
            "gradient_ratio": slope / (norm * size) if slope else slope,
            "condition": self.factor.condition,
            "backward_error": self.backward_error(iterate, worst),
            "error_estimate": max(error, rounding) / length if length else error,
        }


def _norms(x: np.ndarray) -> np.ndarray:
    return np.atleast_1d(np.linalg.norm(x, axis=0))


def _by_length(x: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Return `x`, shape (n,) or (n, k), with row i multiplied by ``factors[i]``."""
    return (x.T * factors).T
