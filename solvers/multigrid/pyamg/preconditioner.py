"""Preconditioners on the algebraic multigrid hierarchies of PyAMG."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ritz.arguments import check_choice, check_seed
from ritz.backend import Array, without_warnings
from ritz.errors import InvalidProblem
from ritz.operators import Operator, Tag
from ritz.operators.nullspace import NullVectors
from ritz.operators.operator import through_numpy
from ritz.operators.sparse_entries import sparse_entries
from ritz.registry import preconditioners

from .null_vectors import coarsest_inverse, drop_null_unknowns

__all__ = ["RugeStuben", "SmoothedAggregation", "seeded"]

COARSEST = 50  # unknowns below which a pseudo-inverse is cheaper than another level
NO_SMOOTHERS: dict[str, Any] = {"presmoother": None, "postsmoother": None}  # the cycle has its own


@preconditioners.register("ruge-stuben")
@dataclass(frozen=True)
class RugeStuben:
    """One cycle of classical algebraic multigrid :cite:`RugeStuben1987` on a hierarchy of PyAMG :cite:`PyAMG2023`.

    The most robust choice for diffusion with jumps and anisotropy. Symmetric positive (semi-)definite if the operator
    is, so it can be used with conjugate gradients. Singular operators may have any number of regions, such as closed
    rooms: what rounding leaves of their null vectors on coarse levels is not inverted. O(n) time and memory: two to
    three times the entries of the operator.

    Parameters
    ----------
    strength : float
        Off-diagonal entries of at least this share of the largest in their row are strong couplings.
    cycle : {"V", "W"}
        Kind of cycle: one or two visits to each coarse level.

    Raises
    ------
    UnknownName
        For an unknown `cycle`.
    InvalidProblem
        From `build`, if the entries of the operator are not known, or the coarsening breaks down.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> system = ritz.LinearSystem(np.diag([2.0] * 99) - np.eye(99, k=1) - np.eye(99, k=-1), np.ones(99))
    >>> ritz.solve(system, "cg", preconditioner="ruge-stuben").iterations < 10
    True
    """

    strength: float = 0.25
    cycle: str = "V"

    def __post_init__(self):
        check_choice("cycle", self.cycle, ("V", "W"))

    def build(self, operator: Operator) -> Operator:
        """Return the approximate inverse of `operator`."""
        from pyamg import ruge_stuben_solver

        matrix = _entries(operator, "ruge-stuben")
        hierarchy = ruge_stuben_solver(
            matrix, strength=("classical", {"theta": self.strength}), max_coarse=COARSEST, **NO_SMOOTHERS
        )
        return PyAMGCycle(hierarchy, self.cycle, operator.tags)


@preconditioners.register("smoothed-aggregation")
@dataclass(frozen=True)
class SmoothedAggregation:
    """One cycle of smoothed aggregation :cite:`VanekMandelBrezina1996` on a hierarchy of PyAMG :cite:`PyAMG2023`.

    Takes half the memory of Ruge-Stuben, and is suited to systems of equations through `candidates`. Properties, costs
    and errors are those of `RugeStuben`; for non-symmetric operators the restriction is computed separately.

    Parameters
    ----------
    strength : float
        Entries with ``|a_ij| >= strength sqrt(a_ii a_jj)`` are strong couplings on the finest level; the threshold is
        halved on each coarser level.
    cycle : {"V", "W"}
        Kind of cycle: one or two visits to each coarse level.
    candidates : ndarray, shape (n, k), optional
        Vectors that the coarse levels must represent, such as the rigid-body modes in elasticity; if
        None, the operator's null vectors if they were given, otherwise the constant.
    seed : int
        Seed of the random vectors from which PyAMG estimates spectral radii.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> system = ritz.LinearSystem(np.diag([2.0] * 99) - np.eye(99, k=1) - np.eye(99, k=-1), np.ones(99))
    >>> ritz.solve(system, "cg", preconditioner="smoothed-aggregation").iterations < 15
    True
    """

    strength: float = 0.08
    cycle: str = "V"
    candidates: Any = None
    seed: int = 0

    def __post_init__(self):
        check_choice("cycle", self.cycle, ("V", "W"))

    def build(self, operator: Operator) -> Operator:
        """Return the approximate inverse of `operator`."""
        from pyamg import smoothed_aggregation_solver

        matrix = _entries(operator, "smoothed-aggregation")
        candidates = self.candidates
        if candidates is None and isinstance(operator.nullspace, NullVectors):
            candidates = operator.nullspace.vectors
        strength: Any = [("symmetric", {"theta": self.strength / 2**level}) for level in range(10)]
        with seeded(self.seed), without_warnings():
            hierarchy = smoothed_aggregation_solver(
                matrix,
                B=None if candidates is None else np.asarray(candidates, dtype=matrix.dtype),
                symmetry="symmetric" if Tag.SYMMETRIC in operator.tags else "nonsymmetric",
                strength=strength,
                improve_candidates=None,
                max_coarse=COARSEST,
                **NO_SMOOTHERS,
            )
        return PyAMGCycle(hierarchy, self.cycle, operator.tags)


class PyAMGCycle(Operator):
    """One cycle from zero on a hierarchy of PyAMG, without the residual norms that PyAMG itself computes.

    Parameters
    ----------
    hierarchy : pyamg.MultilevelSolver
    cycle : {"V", "W"}
    tags : frozenset of Tag
        Tags of the operator, which the cycle inherits.
    """

    def __init__(self, hierarchy: Any, cycle: str, tags: frozenset[Tag]):
        levels = hierarchy.levels
        finest, coarsest = levels[0].A, levels[-1].A
        self.shape, self.dtype, self.tags = finest.shape, finest.dtype, tags
        self._visits = 2 if cycle == "W" else 1
        if not np.isfinite(coarsest.data).all():
            raise InvalidProblem("PyAMG's coarsening broke down on this operator; use another preconditioner")
        original = drop_null_unknowns(levels, finest.dtype)
        self._inverse = coarsest_inverse(levels[-1].A, original, finest.dtype, symmetric=Tag.SYMMETRIC in tags)
        self._transfers = [(level.P, level.R) for level in levels[:-1]]
        self._matrices = [level.A for level in levels]
        self.stats: Mapping[str, Any] = {
            "levels": len(levels),
            "operator_complexity": float(hierarchy.operator_complexity()),
        }

    def _apply(self, x: Array) -> Array:
        return through_numpy(self._cycle_each, x)

    def _cycle_each(self, rhs: np.ndarray) -> np.ndarray:
        rhs = np.asarray(rhs, dtype=self.dtype)
        if rhs.ndim == 1:
            return self._cycle(0, np.ascontiguousarray(rhs))
        return np.stack([self._cycle(0, np.ascontiguousarray(column)) for column in rhs.T], axis=1)

    def _cycle(self, depth: int, rhs: np.ndarray) -> np.ndarray:
        from pyamg.relaxation.relaxation import gauss_seidel

        if depth == len(self._transfers):
            return self._inverse @ rhs
        matrix, (prolongation, restriction) = self._matrices[depth], self._transfers[depth]
        x = np.zeros_like(rhs)
        # A backward after a forward sweep makes the cycle symmetric, at half the cost of symmetric sweeps on each side.
        gauss_seidel(matrix, x, rhs, sweep="forward")
        coarse_rhs = restriction @ (rhs - matrix @ x)
        correction = self._cycle(depth + 1, coarse_rhs)
        for _ in range(self._visits - 1):
            remainder = coarse_rhs - self._matrices[depth + 1] @ correction
            correction += self._cycle(depth + 1, remainder)
        x += prolongation @ correction
        gauss_seidel(matrix, x, rhs, sweep="backward")
        return x


@contextmanager
def seeded(seed: int) -> Generator[None, None, None]:
    """Seed NumPy's global generator, which PyAMG uses, and restore its state afterwards; one thread at a time."""
    with _seeding:
        state = np.random.get_state()  # noqa: NPY002
        np.random.seed(check_seed(seed) % 2**32)  # noqa: NPY002
        try:
            yield
        finally:
            np.random.set_state(state)  # noqa: NPY002


_seeding = threading.Lock()
if hasattr(os, "register_at_fork"):  # a child must not find the lock taken by a thread that it lacks
    os.register_at_fork(before=_seeding.acquire, after_in_parent=_seeding.release, after_in_child=_seeding.release)


def _entries(operator: Operator, name: str) -> Any:
    """Return the entries with ones in place of zeros on the diagonal, by which smoothers and interpolation divide."""
    from scipy.sparse import diags_array

    matrix = sparse_entries(operator, f"preconditioner {name!r}")
    diagonal = matrix.diagonal()
    if (diagonal == 0).any():
        matrix = (matrix + diags_array((diagonal == 0).astype(matrix.dtype))).tocsr()
    return matrix
