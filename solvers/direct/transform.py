"""Solver for separable systems by transforms to eigenvectors along each axis."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, ClassVar

import numpy as np

from ritz.errors import InvalidProblem
from ritz.iteration import balanced
from ritz.operators import Tag
from ritz.problem_types.linear_system import LinearSystem
from ritz.registry import register
from ritz.solution import Status
from ritz.solver import Solver, check_pairing, registered_name

from .factorisation import FactorisationFailed, PreparedFactorisation
from .first_solves import FirstSolves, worth_delaying
from .transform_lines import Line, separate, separates
from .transform_route import RESONANCE, WAYS, SeparableSolve, cheapest_route

__all__ = ["Transform", "prepare_separable"]


@register("transform")
@dataclass(frozen=True)
class Transform:
    """Change to eigenvectors along all axes but one, along which tridiagonal systems remain :cite:`Hockney1965`.

    Takes a `Stencil` with constant coefficients and no obstacles, for any boundary conditions and any shift, or a
    `KroneckerSum`. A table of costs selects one of three methods for each axis: a fast cosine, sine or Fourier
    transform (O(log n) per number), a product with the dense matrix of eigenvectors (O(n) per number), or elimination
    (O(1) per number), which is possible along one axis if the operator is definite. Sums with nonsymmetric factors are
    solved by Schur forms :cite:`BartelsStewart1972`. On a grid of N unknowns, a solve takes O(N log N) time and the
    memory of one field. ``stats["route"]`` holds the method used along each axis.

    Parameters
    ----------
    route : sequence of str, optional
        One of "fast", "dense", "tridiagonal" or "any" for each axis with more than one unknown. By default, the
        cheapest.

    Raises
    ------
    InvalidProblem
        From `prepare`, for other operators and for impossible routes.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> from ritz.operators import Stencil
    >>> solution = ritz.solve(Stencil((300, 200), boundary="periodic", shift=2.0), np.ones(60_000), "transform")
    >>> bool(abs(solution.x - 0.5).max() < 1e-12), solution.stats["route"]
    (True, ('tridiagonal', 'fast'))
    """

    route: Sequence[str] | None = None
    solves: ClassVar[type] = LinearSystem
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def prepare(self, problem: LinearSystem) -> PreparedFactorisation:
        """Choose the route, and compute the tables of the transforms and the eigenvalues."""
        return prepare_separable(self, problem, self._ways, eliminate=False)

    def _ways(self, lines: Sequence[Line]) -> Sequence[str]:
        listed = isinstance(self.route, Sequence) and not isinstance(self.route, str)
        ways = ("any",) * len(lines) if self.route is None else tuple(self.route) if listed else ()
        known = all(isinstance(way, str) and way in (*WAYS, "any") for way in ways)
        if len(ways) != len(lines) or not known or ways.count("tridiagonal") > 1:
            raise InvalidProblem(
                f"route is {self.route!r}; it must name one of {', '.join(WAYS)} or any for each of {len(lines)} axes"
                " of more than one unknown, and tridiagonal at most once"
            )
        return ways


def prepare_separable(
    solver: Solver, system: LinearSystem, ways: Callable[[Sequence[Line]], Sequence[str]], *, eliminate: bool
) -> PreparedFactorisation:
    """Prepare a solver for a separable system.

    Parameters
    ----------
    solver : Solver
    system : LinearSystem
    ways : callable
        Maps the lines of the operator to the method requested along each axis: one of `WAYS`, or "any".
    eliminate : bool
        Whether to require elimination along one axis.

    Raises
    ------
    InvalidProblem
        If the operator is not separable or no route is possible.
    """
    start = time.perf_counter()
    name = registered_name(solver)
    check_pairing(solver, system)
    if not separates(system.operator):
        raise InvalidProblem(
            f"solver {name!r} takes a Stencil with constant coefficients and no obstacles, or a KroneckerSum, and the"
            f" operator is {system.operator!r}: use 'multigrid', 'amg-cg' or 'cg'"
        )
    system = balanced(system)
    lines, shift = separate(system.operator)
    wanted = ways(lines)
    apply, failure, stats = None, None, {}
    try:
        apply, failure, stats = _factor(system, lines, shift, wanted, eliminate, name)
    except FactorisationFailed as failed:
        failure = failed.status
    return PreparedFactorisation(system, apply, failure, None, name, time.perf_counter() - start, stats)


def _factor(
    system: LinearSystem, lines: Sequence[Line], shift: float, ways: Sequence[str], eliminate: bool, name: str
) -> tuple[Callable[[np.ndarray], np.ndarray], Status | None, dict[str, Any]]:
    nullspace = system.operator.nullspace
    if not all(line.symmetric for line in lines):
        from .kronecker_sum import KroneckerSumSolver

        if any(way != "any" for way in ways):
            raise InvalidProblem(f"a factor of the sum is not symmetric, which leaves no route {tuple(ways)!r}")
        first = lines[0].matrix + shift * np.eye(lines[0].count)
        schur = KroneckerSumSolver([first, *(line.matrix for line in lines[1:])], nullspace is not None)
        return lambda rhs: schur(rhs).astype(system.dtype), None, {"route": ("Schur",) * len(lines)}
    lowest, definite = _extremes(lines, shift)
    singular = nullspace is None and lowest <= RESONANCE
    if nullspace is not None:
        definite = nullspace.count == 1
    elif singular and not eliminate and set(ways) <= {"any", "dense"}:
        ways = ("dense",) * len(lines)  # whose eigenvectors give the pseudo-inverse
    elif singular:
        raise FactorisationFailed(Status.SINGULAR)
    elif not definite and (eliminate or "tridiagonal" in ways):
        raise FactorisationFailed(Status.INDEFINITE)
    route = cheapest_route(lines, definite, ways, eliminate)
    if not route:
        raise InvalidProblem(
            f"solver {name!r} finds no route {tuple(ways)!r} for {system.operator!r}: elimination needs one axis with"
            " a tridiagonal matrix and at most one null vector, and no fast transform is known for a matrix nor"
            " between a Dirichlet wall on a vertex and a Neumann wall; use 'transform' and let it choose"
        )

    def by(route: tuple[str, ...]) -> SeparableSolve:
        return SeparableSolve(lines, shift, route, system.dtype, singular or nullspace is not None)

    free = not eliminate and set(ways) == {"any"}
    solve = FirstSolves(list(lines), by, route) if free and worth_delaying(list(lines), route) else by(route)
    return solve, Status.LEAST_SQUARES if singular else None, {"route": route}


def _extremes(lines: Sequence[Line], shift: float) -> tuple[float, bool]:
    """Return the smallest absolute eigenvalue relative to the largest, and whether all are positive."""
    lowest = sum(float(line.eigenvalues.min()) for line in lines) + shift
    largest = sum(float(np.abs(line.eigenvalues).max()) for line in lines) + abs(shift)
    if lowest > RESONANCE * largest:
        return lowest / largest, True
    sums = reduce(np.add.outer, [line.eigenvalues for line in lines], np.asarray(shift))
    return float(np.abs(sums).min()) / (largest or 1.0), False
