"""Proper orthogonal decomposition as a solver: one basis for all parameters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from ritz.operators import Tag
from ritz.problem_types.parametric.parametric_pde import ParametricPDE
from ritz.problem_types.parametric.snapshots import Snapshots
from ritz.registry import register
from ritz.solver import registered_name

from .local_reduced_basis import LocalReducedBasis
from .prepared_model import PreparedReducedBasis

__all__ = ["GlobalPOD"]


@register("pod")
@dataclass(frozen=True)
class GlobalPOD:
    """A reduced model with one basis, the proper orthogonal decomposition of full solutions :cite:`Sirovich1987`.

    Equivalent to `LocalReducedBasis` with a single cluster; see there for the options.

    Examples
    --------
    >>> import ritz
    >>> problem = ritz.problems.thermal_block((19, 19))
    >>> prepared = GlobalPOD(size=10, samples=60).prepare(problem)
    >>> prepared.solve_many(problem.sample(5, seed=1)).states.shape
    (5, 361)
    """

    size: int = 20
    samples: int = 300
    projection: Literal["galerkin", "least-squares", "regression"] = "galerkin"
    hyper_reduction: Literal["q-deim", "deim", "cubature"] = "q-deim"
    tolerance: float = 0.05
    exact: bool = False
    seed: int = 0

    solves: ClassVar[type] = ParametricPDE
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def __post_init__(self):
        _ = self._local

    @property
    def _local(self) -> LocalReducedBasis:
        return LocalReducedBasis(
            clusters=1,
            size=self.size,
            samples=self.samples,
            projection=self.projection,
            hyper_reduction=self.hyper_reduction,
            candidates=1,
            tolerance=self.tolerance,
            exact=self.exact,
            seed=self.seed,
        )

    def prepare(self, problem: ParametricPDE) -> PreparedReducedBasis:
        """Run the offline stage: solve the full problem for `samples` parameters and build the reduced model."""
        return self.fit(problem)

    def fit(self, problem: ParametricPDE, snapshots: Snapshots | None = None) -> PreparedReducedBasis:
        """Build the reduced model from given snapshots; see `LocalReducedBasis.fit`."""
        return replace(self._local.fit(problem, snapshots), name=registered_name(self))
