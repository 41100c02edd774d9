"""The generalised minimal residual method, restarted."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from ritz.arguments import check_integer
from ritz.backend import Array, asarray_like, column_norm, machine_epsilon, namespace, numpy_dtype, to_numpy
from ritz.iteration import PreparedIteration, prepare_iteration
from ritz.operators import Operator, Tag
from ritz.problem_types.linear_system import LinearSystem
from ritz.registry import register
from ritz.solution import Status
from ritz.solvers.preconditioners import PreconditionerLike, build_preconditioner

from .columns import by_columns

__all__ = ["GMRES", "generalized_minimal_residual"]

ATTAINABLE = 1e-5  # residual reduction per cycle that is not worth a closer look at rounding
STALLED = 0.9999  # residual reduction of a cycle beyond which further cycles are not expected to help


@register("gmres")
@dataclass(frozen=True)
class GMRES:
    """Restarted GMRES for any square system :cite:`SaadSchultz1986`, preconditioned from the right.

    Minimises the residual norm over the Krylov subspace of the current cycle, so the norm never grows. Step j of a
    cycle costs one product, one application of the preconditioner and ``8 j n`` operations: classical Gram-Schmidt is
    applied twice, which is as stable as Householder reflections and works on matrices instead of single vectors.
    ``restart + 1`` vectors are stored. Blocks are solved column by column.

    Parameters
    ----------
    preconditioner : None, str, or anything `ritz.solvers.preconditioners.build_preconditioner` takes
        Any linear map.
    restart : int
        Number of steps per cycle, at least 1. Longer cycles cost more per step and make stagnation less likely.

    Raises
    ------
    InvalidProblem
        If `restart` is not a positive integer.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> ritz.solve(np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([3.0, 1.0]), "gmres").x.round(4).tolist()
    [1.0, 1.0]
    """

    preconditioner: PreconditionerLike = None
    restart: int = 50
    solves: ClassVar[type] = LinearSystem
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def __post_init__(self):
        check_integer("restart", self.restart)

    def prepare(self, problem: LinearSystem) -> PreparedIteration:
        """Check the pairing and build the preconditioner."""
        method = by_columns(partial(generalized_minimal_residual, restart=self.restart))
        return prepare_iteration(self, problem, method, partial(build_preconditioner, self.preconditioner))


def generalized_minimal_residual(
    A: Operator, b: Array, x: Array, M: Operator | None = None, *, restart: int = 50
) -> Generator[tuple[Array | Callable[[], Array], float], Any, Status]:
    """Yield the iterate, or a function that forms it, and its residual norm, starting from the vector `x`.

    Returns ``Status.STAGNATED`` if a whole cycle has not reduced the residual, ``Status.SINGULAR`` if the Krylov
    subspace is exhausted and does not contain a solution, and ``Status.NON_FINITE`` if a product is not finite.
    """
    restart = min(restart, b.shape[0])
    r = b - A @ x
    norm = column_norm(r)
    yield x, norm
    while norm > 0.0:
        cycle = _Cycle(x, r, norm, restart, M)
        while cycle.size < restart and not cycle.exhausted:
            status = cycle.advance(A)
            if status is not None:
                return status
            if cycle.size < restart and not cycle.exhausted:
                yield partial(cycle.iterate, cycle.size), cycle.norm
        x = cycle.iterate(cycle.size)
        yield x, cycle.norm
        r = b - A @ x
        before, norm = norm, column_norm(r)
        if norm > STALLED * before:
            return Status.STAGNATED
    return Status.STAGNATED


class _Cycle:
    """One cycle: an orthonormal basis of the Krylov subspace and the least-squares problem in it."""

    def __init__(self, x: Array, r: Array, norm: float, restart: int, M: Operator | None):
        self._x, self._M = x, M
        self._basis = namespace(r).empty((restart + 1, *r.shape), dtype=r.dtype, device=r.device)
        self._basis[0] = r / norm
        self._triangle = np.zeros((restart + 1, restart))
        self._rotations: list[tuple[float, float]] = []
        self._rhs = np.zeros(restart + 1)
        self._rhs[0] = self.norm = norm
        self._rounding = 10.0 * machine_epsilon(numpy_dtype(r))
        self.size, self.exhausted = 0, False
        self._norms, self._length = [norm], 0.0  # residual norm for each size, and the largest norm of a product

    def advance(self, A: Operator) -> Status | None:
        """Add a vector to the basis, and return None or the reason why that is impossible."""
        k, basis = self.size, self._basis[: self.size + 1]
        direction = basis[k] if self._M is None else self._M @ basis[k]
        w = A @ direction
        length = column_norm(w)
        if not math.isfinite(length):
            return Status.NON_FINITE
        coefficients = basis @ w
        w = w - coefficients @ basis
        correction = basis @ w
        w -= correction @ basis
        remainder = column_norm(w)
        column = np.zeros(k + 2)
        column[:-1] = to_numpy(coefficients + correction)
        # Only rounding errors remain after cancellation: the subspace is invariant.
        exhausted = remainder <= self._rounding * length
        column[-1] = 0.0 if exhausted else remainder
        for j, (cosine, sine) in enumerate(self._rotations):
            upper, lower = column[j : j + 2]
            column[j], column[j + 1] = cosine * upper + sine * lower, cosine * lower - sine * upper
        diagonal = math.hypot(column[k], column[k + 1])
        if diagonal <= self._rounding * length:
            return Status.SINGULAR
        cosine, sine = column[k] / diagonal, column[k + 1] / diagonal
        if not exhausted:
            self._basis[k + 1] = w / remainder
        column[k] = diagonal
        self._triangle[: k + 1, k] = column[:-1]
        self._rotations.append((cosine, sine))
        self._rhs[k], self._rhs[k + 1] = cosine * self._rhs[k], -sine * self._rhs[k]
        self.norm = abs(float(self._rhs[k + 1]))
        self.size, self.exhausted = k + 1, exhausted
        self._norms.append(self.norm)
        self._length = max(self._length, length)
        return None

    def iterate(self, size: int) -> Array:
        """Return the iterate of least residual in the span of the first `size` vectors.

        For singular operators, weights may grow until rounding in the step exceeds its residual; fewer vectors are
        used then.
        """
        from scipy.linalg import solve_triangular

        while True:
            weights = solve_triangular(self._triangle[:size, :size], self._rhs[:size])
            rounding = self._rounding * self._length * float(np.linalg.norm(weights))
            if size == 0 or rounding <= max(self._norms[size], ATTAINABLE * self._norms[0]):
                break
            size -= 1
        step = asarray_like(weights, self._x) @ self._basis[:size]
        return self._x + (step if self._M is None else self._M @ step)
