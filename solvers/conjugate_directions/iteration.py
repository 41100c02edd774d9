"""Conjugate directions from residuals, whoever proposes them."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

from ritz.backend import Array, add_scaled, column_inner, column_norm, copy, machine_epsilon, namespace
from ritz.errors import InvalidProblem
from ritz.iteration import PreparedIteration
from ritz.operators import Operator, Tag
from ritz.problem_types.linear_system import LinearSystem
from ritz.registry import register
from ritz.solution import Solution, Status
from ritz.solver import check_pairing, registered_name
from ritz.solvers.krylov.columns import by_columns
from ritz.solvers.preconditioners import PreconditionerLike, build_preconditioner

from .network_direction import NetworkDirection

__all__ = ["ConjugateDirections", "conjugate_directions"]

PATIENCE = 3  # proposals in a row that are no use, after which the residual itself is taken


@register("conjugate-directions")
@dataclass(frozen=True)
class ConjugateDirections:
    r"""Conjugate directions that a network proposes :cite:`Kaneda2023`, for symmetric positive definite systems.

    In each step a network, or anything else, turns the residual into a direction d, which is made conjugate to the
    last `memory` ones; the step along it is the one that is best in the norm of A, and the residual is computed
    afresh. Whatever is proposed, the error never grows in that norm. A proposal that is not finite, zero, or in the
    span of the last directions is replaced by the residual; after three such in a row no more are asked for.

    With the direction ``"identity"`` the iterates are those of ``"cg"``, with a linear symmetric one those of ``"cg"``
    with that preconditioner; the exact inverse ends in one step. Two products a step, and ``2 memory`` vectors.

    On a CPU a convolutional network costs far more than the iterations it saves: for speed use ``"multigrid"``.

    Parameters
    ----------
    direction : "network", "identity", NetworkDirection, or anything `build_preconditioner` takes
        ``"network"`` takes the weights that come with Ritz on the grids they are for, see `NetworkDirection`, and
        ``"jacobi"`` elsewhere; statistics say which. Others are the name of a preconditioner, or a function of the
        residual, scaled to norm one.
    memory : int
        Directions that a new one is made conjugate to; 0 descends along the proposals as they are.
    rescale : bool
        Whether residuals are scaled to norm one in each step, or by the norm of the first alone, as FluidNet sees them.

    Raises
    ------
    InvalidProblem
        If `memory` is negative, or the direction cannot be built for the operator.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> A = np.array([[4.0, 1.0], [1.0, 3.0]])
    >>> cubes = ritz.solve(A, np.array([1.0, 2.0]), "conjugate-directions", direction=lambda r: r**3)
    >>> cubes.x.round(4).tolist(), cubes.iterations
    ([0.0909, 0.6364], 2)
    """

    direction: PreconditionerLike = "network"
    memory: int = 2
    rescale: bool = True
    solves: ClassVar[type] = LinearSystem
    requires: ClassVar[frozenset[Tag]] = frozenset({Tag.SYMMETRIC})

    def __post_init__(self):
        if not isinstance(self.memory, int) or self.memory < 0:
            raise InvalidProblem(f"memory is {self.memory!r}; it must be a whole number, 0 or more")

    def prepare(self, problem: LinearSystem) -> PreparedDirections:
        """Check the pairing and build what proposes directions."""
        start = time.perf_counter()
        check_pairing(self, problem)
        inverse, stats = self._build(problem.operator)
        iteration = PreparedIteration(
            problem, conjugate_directions, registered_name(self), inverse, time.perf_counter() - start, stats
        )
        return PreparedDirections(iteration, self.memory, self.rescale)

    def _build(self, operator: Operator) -> tuple[Operator | None, Mapping[str, Any]]:
        direction = NetworkDirection() if self.direction == "network" else self.direction
        if isinstance(direction, NetworkDirection):
            objection = direction.objection(operator)
            if not objection:
                inverse = direction.build(operator)
                return inverse, inverse.stats
            inverse, stats = build_preconditioner("jacobi", operator)
            return inverse, {"direction": "jacobi", "no network": objection, **stats}
        if isinstance(direction, str) and direction == "identity":
            return None, {"direction": "identity"}
        inverse, stats = build_preconditioner(direction, operator)
        return inverse, {"direction": stats.get("preconditioner", "identity"), **stats}


@dataclass(frozen=True, eq=False)
class PreparedDirections:
    """Directions for one operator, ready for right-hand sides.

    Parameters
    ----------
    iteration : PreparedIteration
    memory : int
    rescale : bool
    """

    iteration: PreparedIteration
    memory: int
    rescale: bool

    def solve(self, rhs: Array | None = None, **controls: Any) -> Solution:
        """Solve for `rhs`; see `ritz.solver.Prepared.solve`. Statistics count proposals that were replaced."""
        stats = {**self.iteration.stats, "replaced": 0, "restarts": 0}
        method = partial(conjugate_directions, memory=self.memory, rescale=self.rescale, counts=stats)
        return replace(self.iteration, method=by_columns(method), stats=stats).solve(rhs, **controls)


def conjugate_directions(
    A: Operator,
    b: Array,
    x: Array,
    M: Operator | None = None,
    *,
    memory: int = 2,
    rescale: bool = True,
    counts: dict[str, Any] | None = None,
) -> Generator[tuple[Array, float], Any, Status]:
    """Yield the iterate and its residual norm, starting from the vector `x`, which is overwritten.

    Parameters
    ----------
    A : Operator
    b, x : array, shape (n,)
    M : Operator, optional
        From residuals of norm one to directions, linear or not; the identity if left out.
    memory : int
    rescale : bool
        Whether M gets residuals of norm one, or relative to the first.
    counts : dict, optional
        ``"replaced"`` and ``"restarts"`` are counted up.

    Returns
    -------
    Status
        INDEFINITE when a direction has negative curvature.
    """
    counts = {"replaced": 0, "restarts": 0} if counts is None else counts
    rounding = 10 * machine_epsilon(A.dtype)
    negligible = rounding**0.5  # share of a proposal, and cosine of its angle with the residual, that may be rounding
    kept: deque[tuple[Array, Array, float]] = deque(maxlen=memory)
    useless = 0
    r = b - A @ x
    norm = first = column_norm(r)
    while True:
        yield x, norm
        if norm == 0:
            return Status.STAGNATED
        unit = r / norm
        d, Ad, curvature = unit, unit, 0.0
        if M is not None and useless < PATIENCE:
            proposal = _of_length_one(M @ (unit if rescale else r / first))
            if proposal is None:
                counts["replaced"] += 1
            else:
                d, Ad, curvature = _conjugate(A, proposal, kept)
                if curvature < -rounding * column_norm(Ad):
                    return Status.INDEFINITE
                if column_norm(d) <= negligible or abs(column_inner(d, unit)) <= negligible * column_norm(d):
                    counts["restarts"] += 1
                    kept.clear()
                    curvature = 0.0
            useless = 0 if curvature > 0 else useless + 1
        if not curvature > 0:
            d, Ad, curvature = _conjugate(A, unit, kept)
        if not curvature > 0:
            return Status.INDEFINITE
        add_scaled(x, column_inner(d, r) / curvature, d)
        r = b - A @ x
        norm = column_norm(r)
        kept.append((d, Ad, curvature))


def _of_length_one(proposal: Array) -> Array | None:
    """Return a proposal scaled to norm one, or None for one that is zero or not finite."""
    length = column_norm(proposal)
    usable = 0 < length < math.inf and bool(namespace(proposal).isfinite(proposal).all())
    return proposal / length if usable else None


def _conjugate(A: Operator, proposal: Array, kept: deque[tuple[Array, Array, float]]) -> tuple[Array, Array, float]:
    """Return `proposal` made conjugate to the directions kept, its product and its curvature."""
    d = copy(proposal)
    for direction, product, curvature in kept:
        add_scaled(d, -column_inner(proposal, product) / curvature, direction)
    Ad = A @ d
    return d, Ad, column_inner(d, Ad)
