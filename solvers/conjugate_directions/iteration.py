"""The conjugate-directions method with proposed search directions."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

from ritz.arguments import check_integer
from ritz.backend import Array, add_scaled, column_inner, column_norm, copy, machine_epsilon, namespace
from ritz.iteration import LinearSystemTask, PreparedIteration, prepare_iteration
from ritz.operators import Operator, Tag
from ritz.problem_types.linear_system import LinearSystem
from ritz.registry import register
from ritz.solution import Solution, Status
from ritz.solver import Controls
from ritz.solvers.krylov.columns import by_columns
from ritz.solvers.preconditioners import PreconditionerLike, build_preconditioner

from .network_direction import NetworkDirection

__all__ = ["ConjugateDirections", "conjugate_directions"]

PATIENCE = 3  # consecutive useless proposals after which only residuals serve as directions


@register("conjugate-directions")
@dataclass(frozen=True)
class ConjugateDirections:
    r"""Conjugate directions proposed by a network :cite:`Kaneda2023`, for symmetric positive definite systems.

    In each step a network, preconditioner or function turns the residual into a direction d, which is made conjugate
    to the last `memory` directions. The step length minimises the error in the norm of A, and the residual is
    recomputed. No proposal can increase the error in that norm. A proposal that is zero, not finite or in the span of
    the previous directions is replaced by the residual; after three of these in a row, no more are requested.

    With direction ``"identity"`` the iterates are those of ``"cg"``, with a linear symmetric one those of ``"cg"``
    with that preconditioner; the exact inverse finishes in one step. A step takes two products, and the method stores
    ``2 memory`` vectors. The statistics ``"replaced"`` and ``"restarts"`` count discarded proposals.

    On a CPU a convolutional network costs far more than the iterations it saves: use ``"multigrid"`` for speed.

    Parameters
    ----------
    direction : "network", "identity", NetworkDirection, or anything `build_preconditioner` takes
        ``"network"`` uses the weights shipped with Ritz on the grids they support, see `NetworkDirection`, and
        ``"jacobi"`` elsewhere; the statistics tell which. Alternatives are the name of a preconditioner, or a function
        of the residual scaled to norm one.
    memory : int
        Number of previous directions a new one is made conjugate to; 0 gives steepest descent along the proposals.
    rescale : bool
        Whether residuals are scaled to norm one in each step; otherwise all are scaled by the norm of the first, as
        FluidNet expects.

    Raises
    ------
    InvalidProblem
        If `memory` is negative or the direction cannot be built for the operator.

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
        check_integer("memory", self.memory, 0)

    def prepare(self, problem: LinearSystem) -> PreparedDirections:
        """Check the pairing and build the operator that proposes directions."""
        method = partial(conjugate_directions, memory=self.memory, rescale=self.rescale)
        return PreparedDirections(**vars(prepare_iteration(self, problem, method, self._build)))

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
class PreparedDirections(PreparedIteration):
    """The conjugate-directions method for one operator, which counts discarded proposals in each solve."""

    def _run(self, task: LinearSystemTask, controls: Controls) -> Solution:
        counts = {"replaced": 0, "restarts": 0}
        method: Any = self.method
        columns = by_columns(partial(method, counts=counts))
        counted = PreparedIteration(self.system, columns, self.name, self.preconditioner)
        return replace(counted._run(task, controls), stats=counts)


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
        Map from residuals to directions, linear or not; the identity by default.
    memory : int
        Number of previous directions a new one is made conjugate to.
    rescale : bool
        Whether M gets residuals scaled to norm one; otherwise all are scaled by the norm of the first.
    counts : dict, optional
        Its entries ``"replaced"`` and ``"restarts"`` are incremented.

    Returns
    -------
    Status
        INDEFINITE if a direction has negative curvature, STAGNATED if the residual is zero.
    """
    counts = {"replaced": 0, "restarts": 0} if counts is None else counts
    rounding = 10 * machine_epsilon(A.dtype)
    negligible = rounding**0.5  # norm of a proposal and cosine of its angle with the residual that may be rounding
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
            proposal = _normalised(M @ (unit if rescale else r / first))
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


def _normalised(proposal: Array) -> Array | None:
    """Return a proposal scaled to norm one, or None if it is zero or not finite."""
    length = column_norm(proposal)
    usable = 0 < length < math.inf and bool(namespace(proposal).isfinite(proposal).all())
    return proposal / length if usable else None


def _conjugate(A: Operator, proposal: Array, kept: deque[tuple[Array, Array, float]]) -> tuple[Array, Array, float]:
    """Return `proposal` made conjugate to the kept directions, with its product and its curvature."""
    d = copy(proposal)
    for direction, product, curvature in kept:
        add_scaled(d, -column_inner(proposal, product) / curvature, direction)
    Ad = A @ d
    return d, Ad, column_inner(d, Ad)
