"""PyAMG's algebraic multigrid solvers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ritz.arguments import check_integer, check_number, check_seed
from ritz.backend import without_warnings
from ritz.errors import InvalidProblem
from ritz.operators import Operator, Tag
from ritz.operators.sparse_entries import sparse_entries
from ritz.problem_types.linear_system import LinearSystem
from ritz.registry import register
from ritz.solution import Status
from ritz.solver import Solver, registered_name
from ritz.solvers.multigrid.pyamg.null_vectors import coarsest_inverse, drop_null_unknowns
from ritz.solvers.multigrid.pyamg.preconditioner import seeded

from .peer import IterationLog, Peer, PreparedPeer, prepare_peer

__all__ = ["PyamgAdaptive", "PyamgPairwise", "PyamgRs", "PyamgSa"]


@register("pyamg-sa")
@dataclass(frozen=True)
class PyamgSa:
    """``pyamg.smoothed_aggregation_solver`` and its ``solve`` :cite:`PyAMG2023`.

    Uses PyAMG's defaults except for the strength of connection, whose default fails on coefficients with jumps.

    Parameters
    ----------
    accel : {"cg", None}
        Krylov method preconditioned by the cycles, or None for cycles alone.
    strength : float
        Threshold of the symmetric measure on the finest level, halved on each coarser level
        :cite:`VanekMandelBrezina1996`; 0 is PyAMG's own default.
    seed : int
        Seed of the random vectors with which PyAMG estimates spectral radii.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> system = ritz.LinearSystem(np.diag([2.0] * 99) - np.eye(99, k=1) - np.eye(99, k=-1), np.ones(99))
    >>> ritz.solve(system, "pyamg-sa").converged
    True
    """

    accel: str | None = "cg"
    strength: float = 0.08
    seed: int = 0
    solves: ClassVar[type] = LinearSystem
    requires: ClassVar[frozenset[Tag]] = frozenset({Tag.SYMMETRIC})

    def __post_init__(self):
        _check_accel(self.accel)
        check_number("strength", self.strength, least=0.0)
        check_seed(self.seed)

    def prepare(self, problem: LinearSystem) -> PreparedPeer:
        """Build the hierarchy."""

        def build(matrix: Any) -> Any:
            from pyamg import smoothed_aggregation_solver

            with seeded(self.seed):
                return smoothed_aggregation_solver(matrix, strength=_strength(self.strength))

        return _prepare(self, problem, build, self.accel)


@register("pyamg-rs")
@dataclass(frozen=True)
class PyamgRs:
    """``pyamg.ruge_stuben_solver`` and its ``solve``, with PyAMG's defaults :cite:`PyAMG2023`.

    Parameters
    ----------
    accel : {"cg", None}
        Krylov method preconditioned by the cycles, or None for cycles alone.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> system = ritz.LinearSystem(np.diag([2.0] * 99) - np.eye(99, k=1) - np.eye(99, k=-1), np.ones(99))
    >>> ritz.solve(system, "pyamg-rs").converged
    True
    """

    accel: str | None = "cg"
    solves: ClassVar[type] = LinearSystem
    requires: ClassVar[frozenset[Tag]] = frozenset({Tag.SYMMETRIC})

    def __post_init__(self):
        _check_accel(self.accel)

    def prepare(self, problem: LinearSystem) -> PreparedPeer:
        """Build the hierarchy."""

        def build(matrix: Any) -> Any:
            from pyamg import ruge_stuben_solver

            return ruge_stuben_solver(matrix)

        return _prepare(self, problem, build, self.accel)


@register("pyamg-adaptive")
@dataclass(frozen=True)
class PyamgAdaptive:
    """``pyamg.aggregation.adaptive_sa_solver`` and its ``solve`` :cite:`BrezinaEtAl2005`, :cite:`PyAMG2023`.

    Computes its candidates, the vectors that the coarse levels must represent, itself. Uses PyAMG's defaults except for
    the strength of connection.

    Parameters
    ----------
    accel : {"cg", None}
        Krylov method preconditioned by the cycles, or None for cycles alone.
    strength : float
        See `PyamgSa`.
    candidates : int
        Number of candidates.
    seed : int
        Seed of the random vectors from which candidates are computed.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> system = ritz.LinearSystem(np.diag([2.0] * 99) - np.eye(99, k=1) - np.eye(99, k=-1), np.ones(99))
    >>> ritz.solve(system, "pyamg-adaptive").converged
    True
    """

    accel: str | None = "cg"
    strength: float = 0.08
    candidates: int = 1
    seed: int = 0
    solves: ClassVar[type] = LinearSystem
    requires: ClassVar[frozenset[Tag]] = frozenset({Tag.SYMMETRIC})

    def __post_init__(self):
        _check_accel(self.accel)
        check_number("strength", self.strength, least=0.0)
        check_integer("candidates", self.candidates, most=100)
        check_seed(self.seed)

    def prepare(self, problem: LinearSystem) -> PreparedPeer:
        """Build the hierarchy."""

        def build(matrix: Any) -> Any:
            from pyamg.aggregation import adaptive_sa_solver

            double = matrix.astype(np.float64)  # the type of the random vectors that PyAMG draws
            with seeded(self.seed):
                return adaptive_sa_solver(double, num_candidates=self.candidates, strength=_strength(self.strength))[0]

        return _prepare(self, problem, build, self.accel)


@register("pyamg-pairwise")
@dataclass(frozen=True)
class PyamgPairwise:
    """``pyamg.aggregation.pairwise_solver`` and its ``solve``, with PyAMG's defaults :cite:`PyAMG2023`.

    Parameters
    ----------
    accel : {"cg", None}
        Krylov method preconditioned by the cycles, or None for cycles alone.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> system = ritz.LinearSystem(np.diag([2.0] * 99) - np.eye(99, k=1) - np.eye(99, k=-1), np.ones(99))
    >>> ritz.solve(system, "pyamg-pairwise").converged
    True
    """

    accel: str | None = "cg"
    solves: ClassVar[type] = LinearSystem
    requires: ClassVar[frozenset[Tag]] = frozenset({Tag.SYMMETRIC})

    def __post_init__(self):
        _check_accel(self.accel)

    def prepare(self, problem: LinearSystem) -> PreparedPeer:
        """Build the hierarchy."""

        def build(matrix: Any) -> Any:
            from pyamg.aggregation import pairwise_solver

            return pairwise_solver(matrix)

        return _prepare(self, problem, build, self.accel)


def _strength(threshold: float) -> Any:
    return [("symmetric", {"theta": threshold / 2**level}) for level in range(10)]


def _prepare(solver: Solver, problem: LinearSystem, build: Callable[..., Any], accel: str | None) -> PreparedPeer:
    def prepare(operator: Operator) -> tuple[Any, Peer, Mapping[str, Any]]:
        matrix = sparse_entries(operator, f"solver {registered_name(solver)!r}")
        with np.errstate(all="ignore"), without_warnings():
            try:
                hierarchy = build(matrix)
                stats = {"levels": len(hierarchy.levels), "operator_complexity": hierarchy.operator_complexity()}
            except (ArithmeticError, IndexError, RuntimeError, ValueError, np.linalg.LinAlgError) as error:
                raise InvalidProblem(
                    f"PyAMG's coarsening broke down on {operator!r} ({error}); use another solver"
                ) from None
            dtype, coarsest = hierarchy.levels[0].A.dtype, hierarchy.levels[-1].A
            if not np.isfinite(coarsest.data).all():
                raise InvalidProblem("PyAMG's coarsening broke down on this operator; use another solver")
            if operator.nullspace is not None:  # coarse matrices are singular up to rounding
                original = drop_null_unknowns(hierarchy.levels, matrix.dtype)
                inverse = coarsest_inverse(coarsest, original, matrix.dtype, symmetric=True)
                hierarchy.coarse_solver = lambda A, b: inverse @ b
            hierarchy.coarse_solver(coarsest, np.zeros(coarsest.shape[0], dtype))  # forms PyAMG's own inverse

        def peer(log: IterationLog, x0: np.ndarray, tolerance: float, limit: int) -> tuple[np.ndarray, Status | None]:
            norms: list[float] = []
            relative = tolerance / (float(np.linalg.norm(log.rhs)) or 1.0)
            rhs, start = (vector.astype(dtype, copy=False) for vector in (log.rhs, x0))
            x, info = hierarchy.solve(
                *(rhs, start, relative, limit),
                accel=accel,
                residuals=norms,
                callback=lambda x: log.record(float(norms[-1]), x),
                return_info=True,
            )
            return x, Status.INDEFINITE if info < 0 else None

        return matrix, peer, stats

    return prepare_peer(solver, problem, prepare)


def _check_accel(accel: str | None) -> None:
    if accel is not None and (not isinstance(accel, str) or accel != "cg"):
        raise InvalidProblem(f"accel is {accel!r}; it must be 'cg' or None")
