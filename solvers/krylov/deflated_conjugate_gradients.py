"""Conjugate gradients deflated by piecewise constant vectors."""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from ritz.arguments import check_integer
from ritz.backend import Array, add_scaled, advance, asarray_like, column_inner, column_norm, scale_and_add, to_numpy
from ritz.iteration import PreparedIteration, balanced
from ritz.operators import Operator, Tag
from ritz.problem_types.linear_system import LinearSystem
from ritz.registry import register
from ritz.solution import Status
from ritz.solver import check_pairing, registered_name
from ritz.solvers.preconditioners import PreconditionerLike, build_preconditioner

from .columns import any_nonpositive, by_columns, divide

__all__ = ["DeflatedConjugateGradients", "deflated_conjugate_gradients"]


@register("deflated-cg")
@dataclass(frozen=True)
class DeflatedConjugateGradients:
    """Conjugate gradients deflated by vectors that are constant on parts of the domain :cite:`Nicolaides1987`.

    The grid is cut into boxes; without a grid, the unknowns are cut into ranges. The residual is kept orthogonal to the
    indicator vector of each part, so every step solves directly for the error components that converge slowly across
    parts; the first iteration does only that. An iteration costs 4 n operations more than one of ``"cg"``. Preparation
    takes one product per part, and the products are stored: n numbers per part.

    Parameters
    ----------
    parts : int
        Approximate number of parts; at most one per four unknowns.
    preconditioner : None, str, or anything `ritz.solvers.preconditioners.build_preconditioner` takes
        Must be symmetric positive definite.

    Raises
    ------
    InvalidProblem
        If `parts` is not a positive integer.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> system = ritz.problems.poisson((64, 64), obstacles=2)
    >>> ritz.solve(system, "deflated-cg").iterations < 0.8 * ritz.solve(system, "cg").iterations
    True
    """

    parts: int = 16
    preconditioner: PreconditionerLike = None
    solves: ClassVar[type] = LinearSystem
    requires: ClassVar[frozenset[Tag]] = frozenset({Tag.SYMMETRIC})

    def __post_init__(self):
        check_integer("parts", self.parts)

    def prepare(self, problem: LinearSystem) -> PreparedIteration:
        """Check the pairing, cut the domain and multiply the operator with the indicators."""
        start = time.perf_counter()
        check_pairing(self, problem)
        problem = balanced(problem)
        inverse, stats = build_preconditioner(self.preconditioner, problem.operator)
        shape = problem.grid.shape if problem.grid else getattr(problem.operator, "grid_shape", (problem.size,))
        labels = _parts(shape, self.parts)
        count = int(labels.max()) + 1
        products = np.asarray(problem.operator @ np.eye(count, dtype=problem.dtype)[labels])
        method = by_columns(partial(deflated_conjugate_gradients, labels, products))
        seconds = time.perf_counter() - start
        return PreparedIteration(problem, method, registered_name(self), inverse, seconds, {"parts": count, **stats})


def deflated_conjugate_gradients(
    labels: np.ndarray, products: np.ndarray, A: Operator, b: Array, x: Array, M: Operator | None = None
) -> Generator[tuple[Array, Any], Any, Status]:
    """Yield the iterate and its residual norm, starting from the vector `x`, which is overwritten.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
        Part of each unknown; the columns of W are the indicators of the parts.
    products : ndarray, shape (n, k)
        A W.
    A : Operator
    b, x : array, shape (n,)
    M : Operator, optional

    Returns
    -------
    Status
        INDEFINITE if a search direction or the preconditioner has non-positive curvature.
    """
    count = products.shape[1]
    sums = np.stack([np.bincount(labels, column, minlength=count) for column in products.T], axis=1)
    # W^T A W is singular but consistent if the nullspace lies in the span of W.
    inverse = asarray_like(np.linalg.pinv(sums, rcond=1e-12, hermitian=True), b)
    images = asarray_like(products, b)
    places = labels if isinstance(b, np.ndarray) else asarray_like(labels, b).long()

    yield x, column_norm(b - A @ x)
    sums_of_residual = np.bincount(labels, to_numpy(b - A @ x), minlength=count)
    x += (inverse @ asarray_like(sums_of_residual, b))[places]
    r = b - A @ x
    norm = column_norm(r)
    z = r if M is None else M @ r
    p = z - (inverse @ (images.T @ z))[places]
    rho = column_inner(r, z)
    while True:
        active = yield x, norm
        q = A @ p
        curvature = column_inner(p, q)
        if any_nonpositive(curvature, norm, active) or any_nonpositive(rho, norm, active):
            return Status.INDEFINITE
        advance(x, r, divide(rho, curvature), p, q)
        norm = column_norm(r)
        z = r if M is None else M @ r
        previous, rho = rho, column_inner(r, z)
        scale_and_add(p, divide(rho, previous), z)
        add_scaled(p, -1.0, (inverse @ (images.T @ z))[places])


def _parts(shape: tuple[int, ...], parts: int) -> np.ndarray:
    """Return the index of the box that contains each unknown, with about `parts` boxes in total."""
    parts = min(parts, math.prod(shape) // 4)  # more would leave nothing to iterate on
    along = max(1, round(parts ** (1.0 / len(shape))))
    labels = np.zeros(shape, dtype=np.int64)
    for axis, cells in enumerate(shape):
        pieces = min(along, cells)
        place = (np.arange(cells) * pieces) // cells
        labels = labels * pieces + place.reshape([-1 if other == axis else 1 for other in range(len(shape))])
    return np.unique(labels, return_inverse=True)[1].reshape(-1)
