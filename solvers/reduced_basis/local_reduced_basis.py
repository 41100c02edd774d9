"""Local reduced bases, a solver of parametric problems."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from ritz.arguments import check_choice, check_flag, check_integer, check_number, check_seed
from ritz.errors import InvalidProblem
from ritz.operators import Tag
from ritz.problem_types.parametric.parametric_pde import ParametricPDE
from ritz.problem_types.parametric.snapshots import Snapshots, user_stacklevel
from ritz.registry import register
from ritz.solver import check_pairing, registered_name

from .clusters.cluster_analysis import ClusterAnalysis
from .clusters.efficiency_criterion import efficiency
from .local_model import PROJECTIONS
from .offline import build_stage, calibrate, held_out_share
from .prepared_model import PreparedReducedBasis
from .projection.sampled_term import HYPER_REDUCTIONS

__all__ = ["LocalReducedBasis"]

CLUSTERS = (4, 8, 16, 32)  # numbers of clusters to try if none is given
MANY = 0.25  # share of queries left to the full model above which a warning is due
TRAJECTORIES = 5  # steady solutions that one trajectory counts for in `samples`


@register("local-reduced-basis")
@dataclass(frozen=True)
class LocalReducedBasis:
    r"""A reduced model with a dictionary of bases, from which a classifier chooses for each query.

    Offline, full solutions are clustered by the angles between them, each cluster gets a basis and projected
    equations, and a classifier learns which parameters belong to which basis
    :cite:`DanielCasenaveAkkariRyckelynck2020`. Online, the equations of the likeliest bases are solved, and the
    solution with the best check is used, at a cost that does not depend on the number of unknowns. Terms that are
    nonlinear, or not affine in the parameters, are evaluated at a few points :cite:`DrmacGugercin2016`. Error
    estimates come from random tests of the residual :cite:`SmetanaZahmPatera2019`, calibrated on held-out solutions;
    above `tolerance`, the full model answers.

    If the problem is only a function mu -> u, regression predicts the coefficients. Errors are then estimated from the
    disagreement of two regressions and from their errors at the nearest snapshots, calibrated in the same way.

    Parameters
    ----------
    clusters : int, optional
        Number of bases. If None, the number recommended by the a priori criterion (`efficiency`), which may be one.
    size : int
        Number of modes of each basis.
    samples : int
        Number of full solutions to compute for training and calibration; a trajectory counts for five.
    analysis : ClusterAnalysis, optional
        How to divide the snapshots if `clusters` is given; by the sines between them if None.
    projection : {"galerkin", "least-squares", "regression"}
        Galerkin projection; least-squares Petrov-Galerkin projection :cite:`CarlbergBouMoslehFarhat2011`, for
        problems whose Galerkin projection is unstable; or regression.
    hyper_reduction : {"q-deim", "deim", "cubature"}
        How to evaluate terms at a few points: `empirical_interpolation`, or `empirical_cubature` with Galerkin
        projection only.
    candidates : int
        Limit of bases to try, the likeliest first, until an estimated error is no larger than usual.
    tolerance : float
        Estimated relative error above which the full model answers.
    exact : bool
        Solve every query with the full model, starting Newton's method from the reduced solution.
    seed : int

    Examples
    --------
    >>> import ritz
    >>> problem = ritz.problems.thermal_block((19, 19))
    >>> solution = ritz.solve(problem.at(k00=0.2), "local-reduced-basis", clusters=1, size=10, samples=60)
    >>> solution.stats["fallback"], solution.stats["estimated_error"] < 0.05
    (False, True)
    """

    clusters: int | None = None
    size: int = 20
    samples: int = 300
    analysis: ClusterAnalysis | None = None
    projection: Literal["galerkin", "least-squares", "regression"] = "galerkin"
    hyper_reduction: Literal["q-deim", "deim", "cubature"] = "q-deim"
    candidates: int = 3
    tolerance: float = 0.05
    exact: bool = False
    seed: int = 0

    solves: ClassVar[type] = ParametricPDE
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def __post_init__(self):
        check_choice("projection", self.projection, (*PROJECTIONS, "regression"))
        check_choice("hyper_reduction", self.hyper_reduction, HYPER_REDUCTIONS)
        check_integer("clusters", self.clusters, optional=True)
        check_seed(self.seed)
        check_integer("size", self.size)
        check_integer("samples", self.samples, least=10, most=10**9)
        check_flag("exact", self.exact)
        check_integer("candidates", self.candidates)
        check_number("tolerance", self.tolerance, above=0.0, infinite=True)
        if self.hyper_reduction == "cubature" and self.projection != "galerkin":
            raise InvalidProblem("hyper_reduction 'cubature' sums Galerkin's equations; use projection 'galerkin'")
        if self.analysis is not None and self.clusters is None:
            raise InvalidProblem("analysis is given without clusters; give their number too, or neither")

    def prepare(self, problem: ParametricPDE) -> PreparedReducedBasis:
        """Run the offline stage: solve the full problem for `samples` parameters and build the reduced models."""
        return self.fit(problem)

    def fit(self, problem: ParametricPDE, snapshots: Snapshots | None = None) -> PreparedReducedBasis:
        """Build the reduced models from given snapshots, which must belong to this problem.

        Raises
        ------
        InvalidProblem
            If the snapshots do not fit the problem or are too few.
        ConvergenceError
            If a full solve does not converge. Errors of the user's own functions pass through.

        Warns
        -----
        UserWarning
            If the estimated errors of more than a quarter of the held-out solutions exceed `tolerance`, so that the
            full model will have to answer many queries. ``stats["fallback_share"]`` holds the share.
        """
        began = time.perf_counter()
        check_pairing(self, problem)
        if snapshots is None:
            count = self.samples if problem.times is None else max(10, self.samples // TRAJECTORIES)
            snapshots = problem.snapshots(problem.sample(count, seed=self.seed))
        _check_snapshots(problem, snapshots)
        solved = time.perf_counter()
        train, held_out = snapshots.split(1.0 - held_out_share(snapshots), seed=self.seed)
        setting: Any = self.analysis
        if self.clusters is None:
            most = len(train) // 8
            tried = tuple(count for count in CLUSTERS if count <= most)
            report = efficiency(train, clusters=tried, sizes=(self.size,), tried=self.candidates, seed=self.seed)
            setting = report.best(self.size)
        projection = self.projection if problem.affine is not None else "regression"
        stage, found = build_stage(
            problem,
            train,
            setting,
            clusters=self.clusters or 1,
            size=self.size,
            projection=projection,
            hyper_reduction=self.hyper_reduction,
            candidates=self.candidates,
            seed=self.seed,
        )
        stage, factor, bounds = calibrate(stage, held_out)
        share = float(np.mean(~(bounds <= self.tolerance)))
        if share > MANY and not self.exact:
            warnings.warn(
                f"the full model will answer about {share:.0%} of the queries: the median of the estimated errors of"
                f" held-out solutions is {np.median(bounds):.1e}, and tolerance is {self.tolerance:g}. Give more"
                f" snapshots than {len(snapshots)}, larger bases than size={self.size}, or a larger tolerance",
                UserWarning,
                stacklevel=user_stacklevel(),
            )
        stats = {
            "bases": found.clusters,
            "clustered_by": "one basis" if found.analysis is None else str(found.analysis),
            "projection": projection,
            "snapshot_seconds": solved - began,
            "calibration": factor,
            "fallback_share": share,
        }
        seconds = time.perf_counter() - began
        name = registered_name(self)
        return PreparedReducedBasis(problem, stage, factor, float(self.tolerance), self.exact, name, seconds, stats)


def _check_snapshots(problem: ParametricPDE, snapshots: Any) -> None:
    if not isinstance(snapshots, Snapshots):
        raise InvalidProblem(
            f"snapshots is a {type(snapshots).__name__}; give ritz.Snapshots, as problem.snapshots does"
        )
    if snapshots.parameters.shape[1] != len(problem.names):
        raise InvalidProblem(
            f"snapshots have {snapshots.parameters.shape[1]} parameters and the problem {len(problem.names)}"
        )
    if problem.size is not None and snapshots.size != problem.size:
        raise InvalidProblem(f"snapshots have {snapshots.size} unknowns and the problem {problem.size}")
    if (problem.times is None) != (snapshots.times is None):
        raise InvalidProblem("only snapshots of trajectories have times; these snapshots do not fit the problem")
